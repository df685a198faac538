// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where retired objects and grace periods meet.
#pragma once
#include "rcu/rcu.hpp"
#include "slab/cache.hpp"
#include "slab/hooks.hpp"
#include "slab/locals.hpp"
#include "slab/sheaves.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace graceslab::reclaim {

inline gs_domain* domain_of(const slab::cache& c) noexcept { return rcu::record_of(c.domain); }

// ---- one cache (barrier.cpp) ----
// Waits for every retire of this cache that happens before the call. False when it could not:
// inside a reader of the domain, without a working fence, or past a deadline.
bool wait_for_retires(slab::cache& c) noexcept;
// Everything that is due now, without waiting: harvest, marked objects, destructors if nobody else
// runs them.
void collect(slab::cache& c) noexcept;
struct flight {
  std::uint64_t oldest;  // cookie of the first deferred array; 0 = none
  std::uint64_t newest;  // and of the last
};
flight in_flight(slab::cache& c) noexcept;
// Cookie of the last thing in this cache that waits for a grace period, retired or a slab; 0 =
// none.
std::uint64_t newest_waiting(slab::cache& c) noexcept;
// Every thread's retired objects of these caches (at most `batch`) onto their deferred lists, with
// one heavy fence for all; sorts the caches by address. False: no fence works, nothing was moved.
bool defer_arrays(slab::cache** caches, unsigned n) noexcept;
// The same for arrays that were not full for a whole tick (`at_once`: whatever their age), of open
// caches, whose order here stays; *young: some are not as old yet.
void defer_aged(slab::cache** caches, unsigned n, bool at_once, bool* young) noexcept;
// All that is parked in these caches (at most `batch`) into their slabs, and the arrays too.
void flush_parked(slab::cache** caches, unsigned n, slab::seize_how how) noexcept;
bool anything_pending(slab::cache& c) noexcept;  // in arrays or hands, marked, deferred, or ripe

// ---- destructors that retire into their own cache (follow.cpp) ----
struct lineage {
  std::uint64_t youngest_root;  // of the chains that are followed
  std::uint64_t marked;         // heirs marked before
};
lineage so_far(slab::cache& c) noexcept;
inline std::uint64_t root_of(const gs_sheaf& s) noexcept { return s.root != 0 ? s.root : s.cookie; }
// After everything retired before `from` is home: waits for what its destructors retired, and
// theirs, to the end; of a cache that is closed, for everything. Not inside a callback. False: a
// deadline passed, grace periods cannot be waited for, or there is no end to it, which is reported.
bool follow(slab::cache& c, const lineage& from) noexcept;
// On a thread that runs callbacks: the same for a closed cache, as far as it goes without waiting.
void follow_here(slab::cache& c) noexcept;
bool wait_for_marked(slab::cache& c) noexcept;  // barrier.cpp
bool on_a_list(slab::cache& c) noexcept;        // marked, deferred, ripe, or being destroyed

// ---- a domain (barrier.cpp) ----
void retire_barrier(gs_domain* d) noexcept;  // shares work between concurrent callers

// ---- destructors and runs at harvest (ripe.cpp) ----
void run_ripe(slab::cache& c, bool wait) noexcept;
// The same to the end; where this thread leaves destructors to the workers it waits for them, until
// its deadline.
void finish_ripe(slab::cache& c) noexcept;
bool leaves_destructors(slab::cache& c) noexcept;  // it could not leave one that blocks
void collect_marked(slab::cache& c, bool wait) noexcept;
// No destructor of this cache runs any more, or will: its code is going away. What waited for one
// is reclaimed without.
void drop_destructor(slab::cache& c) noexcept;
void ripen(slab::cache& c) noexcept;
// At the end of a cache: its domain may end next, with no callback of ours in it. The default one
// never does.
void unpost(slab::cache& c) noexcept;
bool ripe_idle(slab::cache& c) noexcept;  // under c.lock
// Waits for the run that is under way, if one is.
void let_run_end(slab::cache& c) noexcept;

// ---- the background thread and its list (background.cpp, active.cpp) ----
void activate(slab::cache& c) noexcept;
// A forked child has no background thread, and starts none by itself: it may be about to exec.
// Entry points call resume() where they leave the fast path, so that a child which goes on using
// caches starts it for what was inherited.
extern std::uint32_t inherited;         // 1: not looked after yet; atomic
extern void (*also_resume)() noexcept;  // for the layer above; set once, before use
void resume_slow() noexcept;
inline void resume() noexcept {
  if (GS_UNLIKELY(gs_load_relaxed(&inherited) != 0)) resume_slow();
}
bool any_active() noexcept;
void wake_background() noexcept;   // starts it if there is none
void hurry_background() noexcept;  // the same for a destroyed cache: also out of a rest
// Calls visit for every cache that has something pending, or for up to `batch` of them at a time,
// until it returns false. No lock is held while it runs.
inline constexpr unsigned batch = 64;
void for_each_active_batch(bool (*visit)(slab::cache** found, unsigned n, void*),
                           void* arg) noexcept;
void for_each_active(bool (*visit)(slab::cache&, void*), void* arg) noexcept;
bool deactivate_if_idle(slab::cache& c) noexcept;
void forget(slab::cache& c) noexcept;  // it is gone: off the list, and it cannot come back
// What teardown adds to the background thread's round; returns how long it can sleep (ms).
using tend_function = std::uint64_t (*)(slab::cache&, std::uint64_t now_ms) noexcept;
extern const tend_function tend_lingering;  // defined by teardown

// ---- what slabs call (pressure.cpp) ----
// Objects of this cache in flight at which retirers drive the grace period.
std::uint64_t threshold_of(const slab::cache& c) noexcept;
void deferred(slab::cache& c, std::uint32_t n, std::uint64_t depth) noexcept;
void reclaimed(slab::cache& c, std::uint32_t n) noexcept;
void weigh(slab::cache& c,
           std::int64_t bytes) noexcept;  // page runs: bytes in flight of the domain
bool relieve(slab::cache* c, slab::limited by, std::uint64_t wait_most_ms) noexcept;  // relief.cpp
void retire_mightsleep(slab::cache& c, void* object, const void* site) noexcept;  // mightsleep.cpp

// ---- trimming (trim.cpp) ----
bool shrink(slab::cache& c) noexcept;  // true when no slab is left
// What is due in these caches (at most `batch`) goes back.
void trim(slab::cache** caches, unsigned n, std::uint64_t now_ms) noexcept;
// A depot has more reclaimed objects than the next trim leaves there, however it was asked.
bool holds_surplus(slab::cache& c) noexcept;
// How long until something is; forever when nothing is parked.
std::uint64_t ms_until_trim(slab::cache& c, std::uint64_t now_ms) noexcept;

void prepare_fork() noexcept;
void after_fork(bool child) noexcept;

}  // namespace graceslab::reclaim
