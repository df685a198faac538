// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for retired memory: one cache, or a whole domain.
#include <algorithm>

#include "os/busted.hpp"
#include "os/midway.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/unproved.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/debug.hpp"
#include "slab/depots.hpp"

namespace graceslab::reclaim {
namespace {

// The turn to run the barrier of a domain. It is held across waits and user code and guards no
// data: whoever has it is not midway.
class barrier_turn {
 public:
  explicit barrier_turn(rcu::upper_room& room) noexcept : hold_(room.barrier_lock) {
    os::leave_midway();
  }
  ~barrier_turn() { os::enter_midway(); }
  barrier_turn(const barrier_turn&) = delete;
  barrier_turn& operator=(const barrier_turn&) = delete;

 private:
  sync::lock_guard hold_;
};

// Again and again while the system refuses every fence: what is in the arrays could not be waited
// for. False: a deadline passed.
bool defer_for_sure(gs_domain* d, slab::cache** caches, unsigned n) noexcept {
  rcu::unproved_watch watch(d);
  for (rcu::backoff pace(rcu::effort::normal); !defer_arrays(caches, n);) {
    if (!pace.step()) continue;
    if (rcu::deadline_passed()) return false;
    if (watch.lost()) watch.say_when_due();
  }
  return true;
}

// Every thread's retired objects of this cache onto its deferred list, also those that somebody has
// in hand just now.
bool flush_arrays(slab::cache& c) noexcept {
  slab::cache* one[] = {&c};
  bool fenced = !slab::retired_in_arrays(c) || defer_for_sure(domain_of(c), one, 1);
  slab::transit_drain(c);
  return fenced;
}

bool ripe_waits(slab::cache& c) noexcept {
  sync::lock_guard hold(c.lock);
  return c.ripe.head != nullptr && !c.ripe_posted;
}

std::uint64_t marked_now(slab::cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  return c.marked;
}

struct domain_walk {
  gs_domain* domain;
  std::uint64_t newest = 0;
  bool fenced = true;
};

// The same for those of the domain.
bool flush_some(slab::cache** found, unsigned n, void* arg) noexcept {
  auto& walk = *static_cast<domain_walk*>(arg);
  unsigned ours = 0;
  for (unsigned i = 0; i != n; ++i)
    if (domain_of(*found[i]) == walk.domain) found[ours++] = found[i];
  walk.fenced = defer_for_sure(walk.domain, found, ours) && walk.fenced;
  for (unsigned i = 0; i != ours; ++i) {
    slab::transit_drain(*found[i]);
    std::uint64_t cookie = in_flight(*found[i]).newest;
    if (cookie > walk.newest) walk.newest = cookie;
  }
  return true;
}

bool finish_one(slab::cache& c, void* arg) noexcept {
  auto& walk = *static_cast<domain_walk*>(arg);
  if (domain_of(c) != walk.domain) return true;
  const lineage from = so_far(c);
  slab::harvest(c);
  wait_for_marked(c);
  finish_ripe(c);
  (void)follow(c, from);
  return true;
}

// Everything onto the deferred lists, and the grace period for all of it. False: it could not be
// waited for.
bool flush_and_wait(gs_domain* d) noexcept {
  domain_walk walk{d};
  for_each_active_batch(flush_some, &walk);
  return walk.fenced &&
         (walk.newest == 0 || rcu::done(d, walk.newest) || rcu::wait(d, walk.newest));
}

}  // namespace

// Marked objects wait for at most two cookies of their slab: the one that is running and the one
// after.
bool wait_for_marked(slab::cache& c) noexcept {
  gs_domain* d = domain_of(c);
  for (int round = 0; round != 2 && marked_now(c) != 0; ++round) {
    if (!rcu::wait(d, rcu::snapshot(d))) return false;
    leaves_destructors(c) ? ripen(c) : collect_marked(c, true);
  }
  return true;
}

// One depot after the other: what joins meanwhile has a grace period of its own to wait for.
flight in_flight(slab::cache& c) noexcept {
  flight f = {0, 0};
  auto add = [&f](std::uint64_t oldest, std::uint64_t newest) {
    if (f.oldest == 0 || oldest < f.oldest) f.oldest = oldest;
    if (newest > f.newest) f.newest = newest;
  };
  for (slab::depot& d : depots_of(c)) {
    sync::lock_guard hold(d.lock);
    if (d.deferred.head != nullptr) add(d.deferred.head->cookie, d.newest_cookie);
  }
  sync::lock_guard hold(c.lock);
  if (c.heirs.head != nullptr) add(c.heirs.head->cookie, c.heirs.tail->cookie);
  return f;
}

std::uint64_t newest_waiting(slab::cache& c) noexcept {
  return std::max({in_flight(c).newest, slab::newest_quarantine(c), slab::newest_mark(c)});
}

namespace {

bool any_deferred(slab::cache& c) noexcept {
  for (slab::depot& d : depots_of(c)) {
    sync::lock_guard hold(d.lock);
    if (d.deferred.head != nullptr) return true;
  }
  return false;
}

// A posted run of destructors is not looked at: it counts as a callback, and what it would run for
// stands on the ripe list.
struct run_state {
  bool busy;
  std::uint64_t ended;
};
run_state look_at_run(slab::cache& c) noexcept {
  sync::lock_guard hold(c.lock);
  return {c.ripe.head != nullptr || c.heirs.head != nullptr || c.ripe_running, c.runs};
}

// In the order in which an object moves on, so that one that moves meanwhile is found further down:
// from a mark to the run that takes it home. Runs alone move others back, by retiring them: one
// that has ended since `before` may have done so behind our back.
bool on_a_list(slab::cache& c, const run_state& before) noexcept {
  if (before.busy || marked_now(c) != 0 || any_deferred(c)) return true;
  const run_state after = look_at_run(c);
  return after.busy || after.ended != before.ended;
}

}  // namespace

bool on_a_list(slab::cache& c) noexcept { return on_a_list(c, look_at_run(c)); }

// From an array an object moves into the hands of whoever seized it.
bool anything_pending(slab::cache& c) noexcept {
  const run_state before = look_at_run(c);
  if (slab::retired_in_arrays(c)) return true;
  slab::transit_drain(c);
  return on_a_list(c, before);
}

void collect(slab::cache& c) noexcept {
  slab::harvest(c);
  if (slab::has_destructor(c)) {
    if (marked_now(c) != 0 || ripe_waits(c)) ripen(c);  // user code: not on this thread
  } else if (marked_now(c) != 0) {
    collect_marked(c, false);
  }
}

bool wait_for_retires(slab::cache& c) noexcept {
  if (os::busted(os::flaw::cache_barrier_nothing)) return true;
  if (!flush_arrays(c)) return false;
  const lineage from = so_far(c);
  flight f = in_flight(c);
  if (f.newest != 0) {
    gs_domain* d = domain_of(c);
    if (!rcu::done(d, f.newest) && !rcu::wait(d, f.newest)) return false;
    slab::harvest(c);
  }
  if (!wait_for_marked(c)) return false;
  finish_ripe(c);
  const bool ended = follow(c, from);
  slab::debug_wait_ended(c);
  return ended;
}

void retire_barrier(gs_domain* d) noexcept {
  if (os::busted(os::flaw::cache_barrier_nothing)) return;
  rcu::upper_room& room = rcu::room(d);
  // A callback may stand in the way of whoever holds the lock: it does its own work.
  if (rcu::in_callback() || rcu::has_deadline()) {
    (void)flush_and_wait(d);
  } else {
    // A whole wait that began after this load and has ended covers us. The count is odd while one
    // runs.
    std::uint64_t need = (gs_load_seq_cst(&room.barriers) + 3) & ~std::uint64_t{1};
    barrier_turn one_at_a_time(room);
    if (gs_load_seq_cst(&room.barriers) < need) {
      (void)gs_fetch_add(&room.barriers, 1u);
      bool waited = flush_and_wait(d);
      waited ? gs_fetch_add(&room.barriers, 1u) : gs_fetch_sub(&room.barriers, 1u);
    }
  }
  // Destructors run with no lock held.
  domain_walk walk{d};
  for_each_active(finish_one, &walk);
  slab::debug_wait_ended();
}

}  // namespace graceslab::reclaim
