// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// rcu_barrier(): waits for callbacks that were queued before, helping to run them.
// Page: docs/ordering/callbacks.md, claims 3 and 4
#include "rcu/barrier.hpp"

#include "os/busted.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/exit.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/grant.hpp"
#include "rcu/run.hpp"
#include "rcu/stuck.hpp"
#include "rcu/worker.hpp"

namespace graceslab::rcu {
namespace {

constexpr unsigned depth_max = 16;  // barriers inside callbacks that barriers run
constexpr unsigned run_at_once =
    64;  // callbacks per shard before the barrier looks whether it is through
constexpr std::uint64_t poll_min_us = 50, poll_max_us = 1000;

struct targets {
  std::uint64_t below[shards_max];
  std::uint64_t cookie = 0;  // the newest that they wait for
};

// Seals what is being filled, so that everything posted before has a cookie.
targets remember(gs_domain* d) noexcept {
  targets t{};
  for (unsigned i = 0; i < shards_max; ++i) {
    shard& s = d->shards[i];
    sync::lock_guard guard(s.lock);
    t.below[i] = s.posted;
    close(d, s);
    const std::uint64_t cookie = last_cookie(s);
    if (cookie > t.cookie) t.cookie = cookie;
  }
  return t;
}

wish up_to(const targets& t, unsigned i) noexcept {
  wish w;
  w.below = t.below[i];
  return w;
}

// A linked batch may have been reopened since: it is sealed anew.
bool any_left(gs_domain* d, targets& t) noexcept {
  bool left = false;
  for (unsigned i = 0; i < shards_max; ++i) {
    shard& s = d->shards[i];
    sync::lock_guard guard(s.lock);
    if (!s.first || s.first->first >= t.below[i]) continue;
    left = true;
    if (!s.filling || s.filling->first >= t.below[i]) continue;
    seal(d, s);
    t.cookie = last_cookie(s);
  }
  return left;
}

// Callbacks of this batch that a barrier inside a callback must not wait for: our own stack's, and
// those that sit in a barrier themselves.
std::uint32_t excused(const batch& b, std::uint32_t self) noexcept {
  std::uint32_t n = 0;
  for (const runner* r = runners; r; r = r->next)
    if (gs_load_relaxed(&r->from) == &b && (r->tid == self || r->waiting != 0)) ++n;
  return n;
}

bool only_excused_left(gs_domain* d, const targets& t) noexcept {
  const std::uint32_t self = os::tid();
  sync::lock_guard running(runners_lock);
  for (unsigned i = 0; i < shards_max; ++i) {
    shard& s = d->shards[i];
    sync::lock_guard guard(s.lock);
    recall(s);
    for (const batch* b = s.first; b && b->first < t.below[i]; b = b->next)
      if (b->count - b->done > excused(*b, self)) return false;
  }
  return true;
}

unsigned help(gs_domain* d, const targets& t) noexcept {
  if (left_to_workers()) return 0;
  unsigned ran = 0;
  for (unsigned i = 0; i < shards_max; ++i)
    ran += run_shard(d, d->shards[i], up_to(t, i), run_at_once, nullptr, nullptr);
  return ran;
}

}  // namespace

bool left_to_workers() noexcept {
  if (!has_deadline() || in_callback()) return false;
  if (callers_drive()) wake_worker();
  return !callers_drive();
}

bool wait_for_callbacks(gs_domain* d) noexcept {
  const bool inside = in_callback();
  targets t = remember(d);
  wake_worker();  // sealed now, so due now; and starting one is tried again
  std::uint64_t pause_us = poll_min_us;
  for (auto patience = os::short_wait::of_any_length("a callback");;) {
    const std::uint32_t ticket = d->batch_done.ticket();
    if (!any_left(d, t)) return true;
    if (inside && only_excused_left(d, t)) return true;
    if (!wait(d, t.cookie)) return false;
    if (help(d, t) != 0) {
      pause_us = poll_min_us;
      continue;
    }
    if (deadline_passed()) return false;
    (void)look_for_stuck();
    if (!inside && !has_deadline()) {
      d->batch_done.wait(ticket, look_ms());
      continue;
    }
    patience.nap(pause_us);
    if (pause_us < poll_max_us) pause_us *= 2;
  }
}

barrier_scope::barrier_scope(gs_domain* d) noexcept : domain_(d) {
  (void)gs_fetch_add_relaxed(&d->barrier_waiters, 1u);
}
barrier_scope::~barrier_scope() { (void)gs_fetch_add_relaxed(&domain_->barrier_waiters, ~0u); }

void barrier(gs_domain* d) noexcept {
  if (os::busted(os::flaw::barrier_nothing)) return;
  if (reader_nesting(d) != 0) {
    report_here(GS_REPORT_BARRIER_IN_READER,
                "domain '%s': rcu_barrier inside a read-side section (thread %u): it "
                "returns without having waited",
                domain_name(d), os::tid());
    return;
  }
  bool wait_here = true;
  if (in_callback()) {
    char name[200];
    os::describe_function(current_callback(), name, sizeof name);
    wait_here = callback_depth() <= depth_max;
    report_here(GS_REPORT_BARRIER_IN_CALLBACK, "domain '%s': rcu_barrier inside callback %s: it %s",
                domain_name(d), name,
                wait_here ? "waits for all callbacks but those on its own stack"
                          : "is nested too deeply and returns without having waited");
  }
  const barrier_scope counted(d);
  if (wait_here && callbacks_pending(d)) {
    waiting_scope sitting;
    wait_for_callbacks(d);
  }
  see_finished(d);
  if (domain_options(d).barrier_covers_retire && upper().retire_barrier) upper().retire_barrier(d);
}

}  // namespace graceslab::rcu
