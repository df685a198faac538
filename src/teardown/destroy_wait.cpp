// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A7 + A8: wait for this cache's retires, then end it.
#include <errno.h>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/exit.hpp"
#include "os/hooks.hpp"
#include "os/report.hpp"
#include "rcu/barrier.hpp"
#include "rcu/grace_period.hpp"
#include "slab/construct.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

bool cannot_wait(slab::cache& c) noexcept {
  return slab::constructing(c) || rcu::reader_nesting(reclaim::domain_of(c)) != 0 ||
         rcu::in_callback() || os::process_exiting();
}

void report_cannot_wait(slab::cache& c, const char* what) noexcept {
  if (slab::constructing(c))
    rcu::report_here(GS_REPORT_WAIT_IN_CONSTRUCTOR,
                     "%s of cache '%s' inside its constructor would wait for itself", what, c.name);
  else if (rcu::reader_nesting(reclaim::domain_of(c)) != 0)
    rcu::report_here(GS_REPORT_BARRIER_IN_READER,
                     "%s of cache '%s' inside a read-side section would wait for itself", what,
                     c.name);
  else if (rcu::in_callback())
    rcu::report_here(GS_REPORT_WAIT_IN_CALLBACK,
                     "%s of cache '%s' inside a callback would wait for itself", what, c.name);
}

// Its callbacks first: they may retire.
bool wait_for_work(slab::cache& c) noexcept {
  if (gs_load_relaxed(&c.posts) && !rcu::wait_for_callbacks(reclaim::domain_of(c))) return false;
  return reclaim::wait_for_retires(c);
}

bool leaves_at_exit() noexcept {
  return os::exit_begun() && gs_load_relaxed(&os::settings.at_exit) == os::exit_policy::leave;
}

// Objects that are out though nothing in flight can bring them home: a destructor that is still to
// run may retire others.
bool never_comes(slab::cache& c, const tally& t) noexcept {
  return t.live + t.leaked != 0 && (t.in_flight == 0 || !slab::has_destructor(c));
}

int linger_on(slab::cache& c) noexcept {
  const unsigned long protected_ones = hazard::count_unended(retired_in(c));
  const tally t = count(c);
  if (never_comes(c, t) && t.live + t.leaked > protected_ones &&
      (c.flags & slab::flag_once_fully_freed) == 0)
    report_objects_at_destroy(c, t, false);
  if (!settle(c)) reclaim::activate(c);
  return -EBUSY;
}

// A destructor of static lifetime: threads go on, and objects that end later, while the process
// does. What is left of the cache goes with it.
int serve_on(slab::cache& c, const caller& who) noexcept {
  if (!slab::open_as(c, who.handle)) return report_stale(who), -EBUSY;
  if (!cannot_wait(c) && !leaves_at_exit()) {
    (void)wait_for_work(c);
    (void)wait_for_protectors(c, true);
  }
  const unsigned long protected_ones = leaves_at_exit() ? hazard::count_unended(retired_in(c)) : 0;
  tally t;
  if (!count_unused(c, &t) || t.live + t.leaked <= protected_ones) return 0;
  gs_store_relaxed(&c.destroy_stack, who.stack);
  if ((c.flags & slab::flag_once_fully_freed) == 0) report_objects_at_destroy(c, t, false);
  return -EBUSY;
}

// Type-safe slabs emptied by closing: one more grace period, shared with whoever else waits.
bool wait_for_quarantine(slab::cache& c) noexcept {
  std::uint64_t newest = slab::newest_quarantine(c);
  return newest == 0 || rcu::done(reclaim::domain_of(c), newest) ||
         rcu::wait(reclaim::domain_of(c), newest);
}

}  // namespace

int free_barrier(slab::cache& c) noexcept {
  if (slab::constructing(c) || rcu::reader_nesting(reclaim::domain_of(c)) != 0 ||
      rcu::in_callback()) {
    report_cannot_wait(c, "barrier");
    return -EDEADLK;
  }
  const rcu::barrier_scope counted(reclaim::domain_of(c));
  return wait_for_work(c) ? 0 : -EBUSY;
}

int destroy_wait(slab::cache& c, const caller& who, bool quiet, cookie* k) noexcept {
  // A destructor of static lifetime waits no longer than the process may take to end.
  rcu::deadline_scope limit(quiet && os::exit_begun() ? os::exit_deadline_ns() : 0);
  if (quiet && os::exit_begun()) return serve_on(c, who);
  if (cannot_wait(c)) {
    if (!quiet) report_cannot_wait(c, "destroy that waits");
    destroy(c, GS_POLICY_LINGER, who, k);
    return find_lingering(*k) != nullptr ? -EBUSY : 0;
  }
  // While it is open: destructors and callbacks may need new objects. Nobody stays for those that
  // always do.
  if (slab::has_destructor(c) || gs_load_relaxed(&c.posts)) (void)wait_for_work(c);
  tally t;
  if (!close(c, who, k, &t)) return report_stale(who), -EBUSY;
  if (t.live != 0) {
    (void)wait_for_protectors(c, false);
    t = count(c);
  }
  if (never_comes(c, t) && find_lingering(*k) != nullptr) return linger_on(c);
  // A late retire or free by another thread may finish the cache under our feet. Its record is lent
  // to us, and rests.
  bool waited = reclaim::wait_for_retires(c);
  if (waited && !settle(c) && wait_for_quarantine(c)) settle(c);
  while (find_lingering(*k) != nullptr) {
    std::uint32_t ticket = home_ticket();
    gs_domain* d = reclaim::domain_of(c);
    waited = waited && rcu::wait(d, rcu::snapshot(d));
    reclaim::finish_ripe(c);
    settle(c);
    if (find_lingering(*k) == nullptr) break;
    tally left = count(c);
    if (!waited || (never_comes(c, left) && find_lingering(*k) != nullptr)) return linger_on(c);
    // A constructor may take its time; whoever ends the cache after it wakes us.
    if (left.unborn != 0) slab::look_for_stuck_constructor(c);
    wait_for_change(ticket, left.unborn != 0 ? constructor_look_ms : 1);
  }
  return 0;
}

}  // namespace graceslab::teardown
