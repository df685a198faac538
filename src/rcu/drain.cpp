// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Drain until quiet, close, and the drain at process exit. Contract I3, I8.
#include "rcu/drain.hpp"

#include <errno.h>

#include "base/format.hpp"
#include "os/busted.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/exit.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/barrier.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/grant.hpp"
#include "rcu/run.hpp"
#include "rcu/stuck.hpp"
#include "rcu/worker.hpp"

namespace graceslab::rcu {
namespace {

constexpr unsigned rounds_default = 64;
// A thread that was preempted between two steps is not a callback that re-arms itself: give it
// time.
constexpr unsigned patient_rounds = 8;
constexpr std::uint64_t round_sleep_us = 100;
constexpr std::uint64_t ns_per_ms = 1'000'000;

// Callbacks retire, and destructors post callbacks: if none was posted while we looked, nothing can
// have gone from the one place to the other behind our back.
bool quiet(gs_domain* d) noexcept {
  const std::uint64_t posted = callbacks_posted(d);
  if (callbacks_pending(d) || (upper().retires_pending && upper().retires_pending(d))) return false;
  return callbacks_posted(d) == posted;
}

// One round; false when the deadline passed or grace periods cannot be waited for.
bool one_round(gs_domain* d) noexcept {
  if (!wait(d, snapshot(d)) || !wait_for_callbacks(d)) return false;
  if (upper().retire_barrier) upper().retire_barrier(d);
  return !deadline_passed();
}

int name_the_rearming(gs_domain* d, unsigned rounds, const void** rearming) noexcept {
  const void* func = gs_load_relaxed(&d->rearmed);
  if (rearming) *rearming = func;
  if (!func) {
    os::report(GS_REPORT_DOMAIN_BUSY,
               "domain '%s' is not quiet after %u rounds: others go on using it (callbacks%s "
               "pending, retired memory%s)",
               domain_name(d), rounds, callbacks_pending(d) ? "" : " not",
               upper().retires_pending && upper().retires_pending(d) ? " too" : " not");
    return -EBUSY;
  }
  char name[240];
  os::describe_function(func, name, sizeof name);
  os::report(GS_REPORT_REARMING_CALLBACK,
             "domain '%s' is not quiet after %u rounds: callback %s keeps posting itself "
             "(%llu posts from callbacks meanwhile)",
             domain_name(d), rounds, name,
             static_cast<unsigned long long>(gs_load_relaxed(&d->rearms)));
  return -EBUSY;
}

// Those on our own stack do not count: they cannot return before we do. Without locks; those that
// others have run of their grants do.
std::uint64_t callbacks_left(gs_domain* d) noexcept {
  // Its acquires: what another has counted of our grants is not counted again below.
  std::uint64_t n = count_callbacks(d).left();
  for (const runner* r = current_runner; r; r = r->outer)
    if (r->from && r->domain == d) n -= 1 + uncounted(*r);
  return n;
}

// What a drain whose time is over was waiting for; "" when nothing is to be seen.
void describe_hold(gs_domain* d, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  char what[2600] = "";
  if (describe_running(d, running_stack::told, what, sizeof what) == 0)
    describe_blocker(d, what, sizeof what);
  if (what[0]) out.add("; held back by %s", what);
}

void report_late(gs_domain* d, std::uint64_t timeout_ms) noexcept {
  char hold[2700];
  describe_hold(d, hold, sizeof hold);
  recall_where_free(d);
  os::report(GS_REPORT_STALL,
             "domain '%s' is not drained after %llu ms, and the drain returns: %llu callbacks are "
             "pending%s",
             domain_name(d), static_cast<unsigned long long>(timeout_ms),
             static_cast<unsigned long long>(callbacks_left(d)), hold);
}

int drain_rounds(gs_domain* d, unsigned rounds, const void** rearming) noexcept {
  for (unsigned round = 0; round < rounds; ++round) {
    if (quiet(d)) return 0;
    if (!one_round(d)) return quiet(d) ? 0 : -EBUSY;
    if (round >= patient_rounds) os::sleep_us(round_sleep_us);
  }
  return quiet(d) ? 0 : name_the_rearming(d, rounds, rearming);
}

bool can_drain_here(gs_domain* d) noexcept {
  if (reader_nesting(d) != 0) {
    report_here(GS_REPORT_BARRIER_IN_READER,
                "domain '%s': drain inside a read-side section (thread %u): it returns "
                "without having waited",
                domain_name(d), os::tid());
    return false;
  }
  if (!in_callback()) return true;
  report_here(GS_REPORT_WAIT_IN_CALLBACK,
              "domain '%s': drain inside a callback: it returns without having waited",
              domain_name(d));
  return false;
}

std::uint64_t retires_left(gs_domain* d) noexcept {
  domain_totals totals;
  if (upper().totals) totals = upper().totals(d);
  return totals.retired - totals.reclaimed;
}

// No lock may be taken: it may be this thread's.
void report_cut_short(gs_domain* d) noexcept {
  os::report(GS_REPORT_EXIT_UNDRAINED,
             "exit() came out of a signal handler that interrupted the library in thread %u%s: "
             "nothing is waited for and no cache is destroyed any more; %llu callbacks and %llu "
             "retired objects, and those in the arrays of threads, are left in flight",
             os::tid(), os::is_forlorn() ? ", in the process that this one was forked from" : "",
             static_cast<unsigned long long>(callbacks_left(d)),
             static_cast<unsigned long long>(retires_left(d)));
}

void report_left(gs_domain* d) noexcept {
  recall_where_free(d);
  const std::uint64_t callbacks = callbacks_left(d), retires = retires_left(d);
  if (callbacks == 0 && retires == 0) return;
  char hold[2700];
  describe_hold(d, hold, sizeof hold);
  os::report(GS_REPORT_EXIT_UNDRAINED,
             "the process exits with %llu callbacks and %llu retired objects in flight%s",
             static_cast<unsigned long long>(callbacks), static_cast<unsigned long long>(retires),
             hold);
}

}  // namespace

int drain(gs_domain* d, unsigned rounds, std::uint64_t timeout_ms, const void** rearming) noexcept {
  if (rearming) *rearming = nullptr;
  if (!can_drain_here(d)) return -EDEADLK;
  deadline_scope limit(timeout_ms ? os::now_ns() + timeout_ms * ns_per_ms : 0);
  if (gs_fetch_add(&d->drains, 1u) == 0) {
    gs_store_relaxed(&d->rearmed, static_cast<const void*>(nullptr));
    gs_store_relaxed(&d->rearms, std::uint64_t{0});
  }
  const int result = drain_rounds(d, rounds ? rounds : rounds_default, rearming);
  gs_fetch_sub(&d->drains, 1u);
  if (result == -EBUSY && deadline_passed()) report_late(d, timeout_ms);
  return result;
}

int close_domain(gs_domain* d) noexcept {
  const int first = drain(d, 0, 0, nullptr);
  if (first == -EDEADLK) return first;
  gs_store_relaxed(&d->closed, 1u);
  for (shard& s : d->shards)
    sync::lock_guard guard(s.lock);  // whoever was posting is in the queue now
  return drain(d, 0, 0, nullptr);
}

void reclaim_now(gs_domain* d) noexcept {
  for (shard& s : d->shards) {
    sync::lock_guard guard(s.lock);
    seal(d, s);
  }
  if (reader_nesting(d) != 0 || in_callback()) {
    start_poll(d, snapshot(d));
  } else {
    wait_with(d, snapshot(d), effort::expedited);
    if (upper().retire_barrier) upper().retire_barrier(d);
  }
  wake_worker();
}

// exit() inside a callback waits for everything but itself; inside a section there is nothing that
// could be waited for.
void drain_at_exit() noexcept {
  const os::exit_policy policy = gs_load_relaxed(&os::settings.at_exit);
  gs_domain* d = default_domain();
  if (policy == os::exit_policy::leave) return;
  if (os::exit_cut_short()) return report_cut_short(d);
  if (quiet(d)) return;
  deadline_scope limit(os::busted(os::flaw::exit_no_deadline) ? 0 : os::exit_deadline_ns());
  const unsigned rounds = in_callback() ? 2 : rounds_default;
  for (unsigned round = 0; round < rounds && reader_nesting(d) == 0 && !quiet(d); ++round)
    if (!one_round(d)) break;
  if (!quiet(d)) report_left(d);
}

}  // namespace graceslab::rcu
