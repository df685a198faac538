// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each thread's arrays of each cache, and taking them over from another thread.
// Ordering page: docs/ordering/takeover.md
#pragma once
#include "slab/cache.hpp"
#include "slab/sheaves.hpp"

namespace graceslab::slab {

// This thread's record of the cache of that handle, ready for use; nullptr without memory, in
// fallback modes, or when the cache is closed or gone: then every operation goes straight to the
// slabs, and those look for themselves.
gs_local* attach(cache& c, std::uintptr_t handle) noexcept;
// The record if there is one (perhaps closed or of an earlier generation), else the dummy.
gs_local* local_far(const cache& c) noexcept;
inline gs_local* local_of(const cache& c) noexcept {
  if (GS_LIKELY(c.id < GS_TLS_CACHES)) return gs_tls.local[c.id];
  gs_local* l = gs_tls.far[c.id % GS_TLS_FAR];
  return GS_LIKELY(l->handle == handle_now(c)) ? l : local_far(c);
}

// For who runs destructors of the cache: what these retire has to be known for theirs, in the
// array.
void let_seizers_pass(cache& c) noexcept;

enum class seize_what { retired, everything };
enum class seize_then { reopen, keep_closed };
enum class seize_how { insist, politely };  // politely: not from an owner who is at it just now

struct spoils {
  sheaf_list objects;  // free to allocate
  sheaf_list retired;
};
// Taking over arrays in three steps: close the records, fence, take. The fence is what it costs, so
// whoever takes from many caches begins with all, fences once, and ends with all. From begin to end
// the cache's seize_lock is held; of several caches, in the order of their addresses.
class seizure {
 public:
  void begin(cache& c, seize_what what, seize_how how = seize_how::insist) noexcept;
  // Only arrays that were not full for a whole tick, or `at_once` those that hold anything; *young:
  // some are not as old yet.
  void begin_aged(cache& c, bool at_once, bool* young) noexcept;
  bool closed_any() const noexcept { return taken_ != nullptr; }
  bool left_some() const noexcept { return left_some_; }  // after the end: politely
  // False when there is no working heavy fence: then nothing may be touched.
  static bool fence(bool anything_closed) noexcept;
  void end(bool fenced, seize_then then, spoils* out) noexcept;

 private:
  void close(gs_local& l) noexcept;
  cache* cache_ = nullptr;
  gs_local* taken_ = nullptr;
  seize_what what_ = seize_what::retired;
  seize_how how_ = seize_how::insist;
  bool left_some_ = false;
};
// All three for one cache. False when there is no working heavy fence: nothing was touched.
bool seize(cache& c, seize_what what, seize_then then, spoils* out) noexcept;
// True when some thread has retired objects that are not deferred yet, by what happens before the
// call.
bool retired_in_arrays(cache& c) noexcept;
// What stands in the arrays of a record that nobody works on.
struct arrays {
  std::uint64_t parked, retired;
};
inline arrays in_record(const gs_local& l) noexcept {
  return {std::uint64_t{l.main->count} + l.prev->count, l.rcu->count};
}
// All arrays of a cache stand still for as long as this lives; their owners do without them. Takes
// seize_lock. What they hold is nothing when there is no working heavy fence.
class standstill {
 public:
  explicit standstill(cache& c) noexcept;
  ~standstill();
  standstill(const standstill&) = delete;
  standstill& operator=(const standstill&) = delete;
  arrays held() const noexcept { return held_; }
  bool complete() const noexcept;  // under locals_lock: no thread has joined since

 private:
  cache& cache_;
  gs_local* records_ = nullptr;
  arrays held_ = {0, 0};
};
// Moves spoils where they belong: free objects into slabs, retired ones onto the deferred list.
void settle_spoils(cache& c, spoils& s) noexcept;

// Around a run of destructors by this thread, while the run counts as running: what they retire
// into their own cache is told from what was there before, and is on a list of heirs or marked when
// it ends.
class heir_scope {
 public:
  explicit heir_scope(cache& c) noexcept;
  ~heir_scope();
  heir_scope(const heir_scope&) = delete;
  heir_scope& operator=(const heir_scope&) = delete;

 private:
  gs_sheaf* change_runner(const gs_local* to, const void* thread) noexcept;
  cache& c_;
  gs_local* local_ = nullptr;  // none: what they retire is marked
};

// In a forked child, for a close that another thread had begun: the arrays it had not come to.
void seize_rest(cache& c, spoils* out) noexcept;
// For a fork, with every seize_lock and locals_lock held: no owner is inside a pop or push between
// these two.
void hold_owners() noexcept;
void release_owners() noexcept;

// After the last slab went: threads keep their closed records until they next look.
void forget_locals(cache& c) noexcept;

}  // namespace graceslab::slab
