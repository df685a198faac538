// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Grace periods: start, scan, complete; polled and waited for.
// Page: docs/ordering/grace-period.md
#include "rcu/grace_period.hpp"

#include "os/busted.hpp"
#include "os/clock.hpp"
#include "os/event.hpp"
#include "os/fence.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"
#include "rcu/await.hpp"
#include "rcu/unproved.hpp"

namespace graceslab::rcu {
namespace {

__thread std::uint64_t deadline_ns __attribute__((tls_model("initial-exec")));

// Looks at one slot; true when it is in the way of `s`, and then lowers the watermark.
bool in_the_way(const reader_slot& slot, std::uint64_t s, std::uint64_t* watermark) noexcept {
  // ORDER gp.scan <-> reader.announce   (docs/ordering/grace-period.md, claim 1)
  // ORDER gp.scan <-> reader.leave      (claim 2)
  // ORDER gp.scan <-> reader.fenced     (claim 9)
  const std::uint64_t word = gs_load_acquire(&slot.reader.word);
  os::take_over(&slot.reader.word);
  if (nesting_of(word) == 0) return false;
  const std::uint64_t age = age_of(word, s);
  if (age == 0) return false;
  if (s - age < *watermark) *watermark = s - age;
  return true;
}

void complete_up_to(gs_domain* d, std::uint64_t watermark) noexcept {
  const std::uint64_t floor = overflow_floor(d->overflow, newest(d));
  os::take_over(&d->overflow);
  os::hand_over(&d->completed);
  if (floor < watermark) watermark = floor;
  if (watermark <= d->completed) return;
  // ORDER gp.complete <-> gp.done   (docs/ordering/grace-period.md, claim 7)
  gs_store_release(&d->completed, watermark);
  os::event::gp_end(d->id, watermark, d->name);
}

void scan_all(gs_domain* d) noexcept {
  const std::uint64_t s = newest(d);
  std::uint64_t watermark = s;
  // ORDER slots.walk <-> slots.append   (docs/ordering/grace-period.md, claim 6): after the heavy
  // fence
  for (reader_chunk* c = gs_load_acquire(&d->chunks); c; c = c->next) {
    std::uint64_t busy = 0;
    for (unsigned i = 0; i < chunk_slots; ++i)
      if (in_the_way(c->slot[i], s, &watermark)) busy |= std::uint64_t{1} << i;
    c->busy = busy;
  }
  complete_up_to(d, watermark);
}

void scan_busy(gs_domain* d) noexcept {
  const std::uint64_t s = newest(d);
  std::uint64_t watermark = s;
  for (reader_chunk* c = gs_load_acquire(&d->chunks); c; c = c->next) {
    for (std::uint64_t left = c->busy; left != 0; left &= left - 1) {
      const auto i = static_cast<unsigned>(__builtin_ctzll(left));
      if (!in_the_way(c->slot[i], s, &watermark)) c->busy &= ~(std::uint64_t{1} << i);
    }
  }
  complete_up_to(d, watermark);
}

// Refused, the fence of the newest grace period is tried again at the next poll.
void fence_and_scan(gs_domain* d) noexcept {
  d->scanned = os::heavy_fence();
  if (d->scanned) scan_all(d);
}

void start(gs_domain* d) noexcept {
  // ORDER gp.start <-> reader.sequence   (docs/ordering/grace-period.md, claim 3)
  // ORDER gp.start <-> gp.snapshot       (claim 4)
  // Readers learn of it after a full fence of ours, takers of cookies look at `started`: a reader
  // that carries the new number starts after our fence, which comes after that of whoever still
  // took the old one.
  const std::uint64_t s = gs_fetch_add(&d->started, std::uint64_t{1}) + 1;
  os::take_over(&d->started);
  os::hand_over(&d->hot->entry);
  gs_full_fence();
  gs_store_release(&d->hot->entry, GS_ENTRY(s));
  os::event::gp_start(d->id, s, d->name);
  fence_and_scan(d);
}

bool wait_inside(gs_domain* d) noexcept {
  report_here(GS_REPORT_SYNCHRONIZE_IN_READER,
              "domain '%s': thread %u waits for a grace period inside its own read-side section "
              "(nesting %u); it waits "
              "for all other sections, and nothing is freed on the strength of it",
              domain_name(d), os::tid(), reader_nesting(d));
  wait_for_others(d);
  return false;
}

// Those with rather a leak than a wait (`may_leak`) give up once every fence is refused.
bool drive(gs_domain* d, std::uint64_t cookie, effort e, bool may_leak) noexcept {
  unproved_watch watch(d);
  for (await one(d, cookie, e); !one.step();) {
    check_stall(d);
    if (deadline_passed()) return done(d, cookie);
    if (!watch.lost()) continue;
    if (may_leak) return false;
    watch.say_when_due();
  }
  return true;
}

bool wait_and(gs_domain* d, std::uint64_t cookie, effort e, bool may_leak) noexcept {
  if (done(d, cookie)) return true;
  if (reader_nesting(d) != 0) return wait_inside(d);
  return drive(d, cookie, e, may_leak);
}

}  // namespace

deadline_scope::deadline_scope(std::uint64_t ns) noexcept : before_(deadline_ns) {
  if (ns != 0 && (before_ == 0 || ns < before_)) deadline_ns = ns;
}
deadline_scope::~deadline_scope() { deadline_ns = before_; }
bool has_deadline() noexcept { return deadline_ns != 0; }
bool deadline_passed() noexcept { return deadline_ns != 0 && os::now_ns() >= deadline_ns; }

bool backoff::step() noexcept {
  constexpr unsigned yields = 16;
  const unsigned step = steps_;
  if (step < spins_ + yields) ++steps_;
  if (step < spins_) {
    for (int i = 0; i < 4; ++i) gs_cpu_relax();
    return false;
  }
  if (step < spins_ + yields) {
    os::yield();
    return false;
  }
  wait_.nap(sleep_us_);
  if (sleep_us_ < sleep_max_us) sleep_us_ += sleep_us_ / 2;
  return true;
}

std::uint64_t snapshot(gs_domain* d) noexcept {
  os::hand_over(&d->started);
  // ORDER gp.snapshot <-> gp.start   (docs/ordering/grace-period.md, claim 4)
#if defined(__SANITIZE_THREAD__)
  return gs_fetch_add(&d->started, std::uint64_t{0}) + 1;
#else
  gs_full_fence();
  return gs_load_relaxed(&d->started) + 1;
#endif
}

bool done(gs_domain* d, std::uint64_t cookie) noexcept {
  if (os::busted(os::flaw::no_grace_period)) return true;
  // ORDER gp.done <-> gp.complete   (docs/ordering/grace-period.md, claim 7)
  if (gs_load_acquire(&d->completed) < cookie) return false;
  os::take_over(&d->completed);
  return true;
}

bool try_advance(gs_domain* d, std::uint64_t cookie) noexcept {
  if (done(d, cookie)) return true;
  if (!d->gp_lock.try_lock()) return done(d, cookie);
  const std::uint64_t before = d->completed;
  advance_locked(d, cookie);
  const bool moved = d->completed != before;
  d->gp_lock.unlock();
  if (moved) tell_waiters(d, before);
  os::report_lost_fence();
  return done(d, cookie);
}

bool start_poll(gs_domain* d, std::uint64_t cookie) noexcept {
  if (done(d, cookie)) return true;
  std::uint64_t before;
  {
    sync::lock_guard guard(d->gp_lock);
    before = d->completed;
    if (newest(d) < cookie) advance_locked(d, cookie);
  }
  tell_waiters(d, before);
  os::report_lost_fence();
  return done(d, cookie);
}

void advance_locked(gs_domain* d, std::uint64_t cookie) noexcept {
  const std::uint64_t before = d->completed;
  const bool idle = before == newest(d);
  gs_store_relaxed(&d->waiters.looks, d->waiters.looks + 1);
  if (newest(d) < cookie)
    start(d);
  else if (!d->scanned)
    fence_and_scan(d);
  else
    scan_busy(d);
  if (d->completed != before || idle) note_progress(d);
}

bool wait_with(gs_domain* d, std::uint64_t cookie, effort e) noexcept {
  return wait_and(d, cookie, e, false);
}

bool wait(gs_domain* d, std::uint64_t cookie) noexcept {
  return wait_with(d, cookie, effort::normal);
}

bool wait_or_leak(gs_domain* d, std::uint64_t cookie) noexcept {
  return wait_and(d, cookie, effort::normal, true);
}

}  // namespace graceslab::rcu
