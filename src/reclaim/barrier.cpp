// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for retired memory: one cache, or a whole domain.
#include "os/busted.hpp"
#include "reclaim/reclaim.hpp"

namespace graceslab::reclaim {
namespace {

// Every thread's retired objects of this cache onto its deferred list.
bool flush_arrays(slab::cache& c) noexcept {
  if (!slab::retired_in_arrays(c)) return true;
  slab::transit in_hand(c);
  slab::spoils taken;
  bool fenced = slab::seize(c, slab::seize_what::retired, slab::seize_then::reopen, &taken);
  slab::settle_spoils(c, taken);
  return fenced;
}

std::uint64_t marked_now(slab::cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  return c.marked;
}

// Marked objects wait for at most two cookies of their slab: the one that is running and the one after.
bool wait_for_marked(slab::cache& c) noexcept {
  gs_domain* d = domain_of(c);
  for (int round = 0; round != 2 && marked_now(c) != 0; ++round) {
    if (!rcu::wait(d, rcu::snapshot(d))) return false;
    collect_marked(c);
  }
  return true;
}

struct domain_walk {
  gs_domain* domain;
  std::uint64_t newest = 0;
  bool fenced = true;
};

bool flush_one(slab::cache& c, void* arg) noexcept {
  auto& walk = *static_cast<domain_walk*>(arg);
  if (domain_of(c) != walk.domain) return true;
  walk.fenced = flush_arrays(c) && walk.fenced;
  std::uint64_t cookie = in_flight(c).newest;
  if (cookie > walk.newest) walk.newest = cookie;
  return true;
}

bool finish_one(slab::cache& c, void* arg) noexcept {
  auto& walk = *static_cast<domain_walk*>(arg);
  if (domain_of(c) != walk.domain) return true;
  slab::harvest(c);
  wait_for_marked(c);
  run_ripe(c, true);
  return true;
}

void barrier_now(gs_domain* d) noexcept {
  domain_walk walk{d};
  for_each_active(flush_one, &walk);
  if (walk.newest != 0 && !rcu::done(d, walk.newest) && !rcu::wait(d, walk.newest)) return;
  for_each_active(finish_one, &walk);
}

}  // namespace

flight in_flight(slab::cache& c) noexcept {
  sync::lock_guard hold(c.lock);
  bool any = c.deferred.head != nullptr;
  return {c.retired - c.reclaimed_objects, any ? c.deferred.head->cookie : 0, any ? c.newest_cookie : 0};
}

bool anything_pending(slab::cache& c) noexcept {
  if (slab::retired_in_arrays(c)) return true;
  {
    sync::lock_guard hold(c.lock);
    if (c.deferred.head != nullptr || !ripe_idle(c)) return true;
  }
  return marked_now(c) != 0;
}

void collect(slab::cache& c) noexcept {
  slab::harvest(c);
  if (marked_now(c) != 0) collect_marked(c);
}

bool wait_for_retires(slab::cache& c) noexcept {
  if (os::busted(os::flaw::cache_barrier_nothing)) return true;
  if (!flush_arrays(c)) return false;
  flight f = in_flight(c);
  if (f.newest != 0) {
    gs_domain* d = domain_of(c);
    if (!rcu::done(d, f.newest) && !rcu::wait(d, f.newest)) return false;
    slab::harvest(c);
  }
  if (!wait_for_marked(c)) return false;
  run_ripe(c, true);
  return true;
}

void retire_barrier(gs_domain* d) noexcept {
  if (os::busted(os::flaw::cache_barrier_nothing)) return;
  rcu::upper_room& room = rcu::room(d);
  // A whole barrier that began after this load and has ended covers us. The count is odd while one runs.
  std::uint64_t need = (gs_load_seq_cst(&room.barriers) + 3) & ~std::uint64_t{1};
  sync::lock_guard one_at_a_time(room.barrier_lock);
  if (gs_load_seq_cst(&room.barriers) >= need) return;
  (void)gs_fetch_add(&room.barriers, 1u);
  barrier_now(d);
  (void)gs_fetch_add(&room.barriers, 1u);
}

void reclaim_now(gs_domain* d) noexcept {
  domain_walk walk{d};
  for_each_active(flush_one, &walk);
  if (walk.newest != 0 && !rcu::wait(d, walk.newest)) return;
  auto take_home = [](slab::cache& c, void* arg) {
    if (domain_of(c) == static_cast<domain_walk*>(arg)->domain) collect(c);
    return true;
  };
  for_each_active(take_home, &walk);
}

}  // namespace graceslab::reclaim
