// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Numbering invocations while somebody settles an owner: which began before, and whether one of
// this owner began meanwhile.
//
// - Enters: a watch for the length of a settle, on the settling thread's stack.
// - Owns: the list of watches, under a lock that is taken inside a shard's.
// - Invariants: an invocation of the owner that begins after the watch was made has a number and
//   stands in newest(), or the watch's maker has passed the lock under which it began, or recalled
//   the grant of which it was.
#pragma once
#include <cstdint>

#include "rcu/run.hpp"

namespace graceslab::rcu {

class watch {
 public:
  watch(const whose& owner, bool unloading) noexcept;
  ~watch();
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

  // The number of the newest invocation of this owner; changes when one begins.
  std::uint64_t newest() const noexcept;

  const whose of;
  const bool unloading;

 private:
  friend void number_invocation(runner& r) noexcept;
  friend void watches_after_fork_in_child() noexcept;
  friend void describe_settlers(const runner& r, char* text, std::size_t bytes) noexcept;
  watch* next_ = nullptr;
  watch* outer_ = nullptr;  // the watch below it on the same stack
  std::uint64_t newest_ = 0;
};

extern std::uint32_t watches;                // how many there are
std::uint64_t newest_invocation() noexcept;  // of any owner
void number_invocation(runner& r) noexcept;

// After the record was filled: under the lock under which that was done, or before it begins for
// good (grant.hpp).
inline void note_invocation(runner& r) noexcept {
  if (GS_LIKELY(gs_load_relaxed(&watches) == 0))
    return gs_store_relaxed(&r.number, std::uint64_t{0});
  number_invocation(r);
}

// "; settling mine waits for it" for each that settles the owner of this record's callback. Under
// runners_lock.
void describe_settlers(const runner& r, char* text, std::size_t bytes) noexcept;

// Its callback is one of them, or may be.
bool runs_one(const runner& r, const those& which) noexcept;

void lock_watches() noexcept;  // fork
void unlock_watches() noexcept;
void watches_after_fork_in_child() noexcept;

}  // namespace graceslab::rcu
