// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/callbacks.md, claims 5, 11 and 12
#include "rcu/settle.hpp"

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/stuck.hpp"

namespace graceslab::rcu {
namespace {

// What is queued of an owner in one domain.
struct queued_now {
  std::uint64_t below[shards_max];
  unsigned most[shards_max];  // callbacks of a shard, others' too: a round ends, whatever they post
  std::uint64_t cookie = 0;
  bool any = false;
};

queued_now look_at_queue(gs_domain* d, const whose& owner) noexcept {
  queued_now q;
  wish w;
  w.of = &owner;
  for (unsigned i = 0; i < shards_max; ++i) {
    shard& s = d->shards[i];
    sync::lock_guard guard(s.lock);
    const bool found = newest_cookie(d, s, w, &q.cookie);
    q.below[i] = s.posted;
    q.most[i] = found ? static_cast<unsigned>(s.posted - s.finished) : 0;
    q.any |= found;
  }
  return q;
}

bool can_wait(gs_domain* d, std::uint64_t cookie) noexcept {
  if (done(d, cookie)) return true;
  if (reader_nesting(d) == 0) return wait_or_leak(d, cookie);
  report_here(GS_REPORT_SYNCHRONIZE_IN_READER,
              "domain '%s': an owner's callbacks are waited for inside a read-side section "
              "(thread %u): they are taken out of the queue and leaked",
              domain_name(d), os::tid());
  return false;
}

// A grace period cannot be waited for, and the code is about to go: the memory leaks, nobody jumps
// into the void.
unsigned long drop(gs_domain* d, const whose& owner) noexcept {
  unsigned long n = 0;
  wish w;
  w.of = &owner;
  w.unready = true;
  runner_scope scope(d);
  for (shard& s : d->shards) {
    place where;
    entry e{};
    batch* surplus = nullptr;
    {
      sync::lock_guard guard(s.lock);
      for (; claim(d, s, w, &where, &e, scope.record); ++n) {
        unmark(e.head);
        finish(s, scope.record, surplus);
      }
    }
    give_back(surplus);
  }
  d->batch_done.notify_all();
  return n;
}

}  // namespace

bool withdraw(gs_domain* d, const void* owner) noexcept {
  whose of;
  of.token = owner;
  return look_at_queue(d, of).any && drop(d, of) != 0;
}

namespace {

void run_queued(gs_domain* d, const whose& owner, unsigned long* dropped) noexcept {
  const queued_now q = look_at_queue(d, owner);
  if (!q.any) return;
  if (!can_wait(d, q.cookie)) {
    *dropped += drop(d, owner);
    return;
  }
  for (unsigned i = 0; i < shards_max; ++i) {
    wish w;
    w.of = &owner;
    w.below = q.below[i];
    run_shard(d, d->shards[i], w, q.most[i], nullptr, nullptr);
  }
}

constexpr std::uint64_t any_number = ~std::uint64_t{0};

// A callback of this owner that another thread runs and that began with `number` or before. One
// that sits in a barrier waits for us, when we are inside one ourselves.
bool running_elsewhere(const whose& owner, std::uint64_t number) noexcept {
  const std::uint32_t self = os::tid();
  const bool inside = in_callback();
  sync::lock_guard guard(runners_lock);
  for (const runner* r = runners; r; r = r->next) {
    if (r->tid == self || gs_load_relaxed(&r->number) > number || !is_of(*r, owner)) continue;
    if (inside && r->waiting != 0) continue;
    return true;
  }
  return false;
}

void wait_for_runners(const whose& owner) noexcept {
  const std::uint64_t seen = newest_invocation();
  if (!running_elsewhere(owner, seen)) return;
  waiting_scope sitting;
  for (backoff pace(effort::normal); running_elsewhere(owner, seen);) {
    if (!pace.step()) continue;
    if (deadline_passed()) return;
    (void)look_for_stuck();
  }
}

}  // namespace

patience::patience() noexcept : began_ms_(os::now_ms()) {}

bool patience::over() const noexcept {
  return os::now_ms() - began_ms_ >= gs_load_relaxed(&os::settings.stall_ms);
}

bool quiet(const watch& w) noexcept {
  const std::uint64_t before = w.newest();
  if (running_elsewhere(w.of, any_number) || hazards().pending_of(w.of) != 0) return false;
  for (gs_domain* d = first_domain(); d; d = next_domain(d))
    if (look_at_queue(d, w.of).any) return false;
  return w.newest() == before;
}

void settle_round(const watch& w, unsigned long* dropped) noexcept {
  hazards().scan();
  for (gs_domain* d = first_domain(); d; d = next_domain(d)) run_queued(d, w.of, dropped);
  wait_for_runners(w.of);
  for (gs_domain* d = first_domain(); d; d = next_domain(d)) see_finished(d);
}

unsigned long pending_of(const whose& owner) noexcept {
  unsigned long n = hazards().pending_of(owner);
  for (gs_domain* d = first_domain(); d; d = next_domain(d))
    for (shard& s : d->shards) {
      sync::lock_guard guard(s.lock);
      n += count_of_owner(s, owner);
    }
  sync::lock_guard guard(runners_lock);
  for (const runner* r = runners; r; r = r->next)
    n += gs_load_relaxed(&r->owner) != unknown_owner() && is_of(*r, owner);
  return n;
}

bool runs_on_this_stack(const whose& owner) noexcept {
  for (const runner* r = current_runner; r; r = r->outer)
    if (r->func && owner.has(r->owner, r->func, r->head)) return true;
  return false;
}

}  // namespace graceslab::rcu
