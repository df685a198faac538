// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Having objects of a cache in hand, outside all its lists.
//
// Closing a cache waits until nobody has any, so that its count is exact; so does a barrier, for
// those who had some when it began; so does a fork, so that the child loses none.
// - Context: short; nothing in between waits for a grace period, a callback or a section. May nest.
// - State: two counts per depot and the phase of the cache that says which one newcomers take. A
//   mark in a count says that somebody sleeps until it is zero.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::slab {

class transit {
 public:
  explicit transit(cache& c) noexcept : c_(c) { enter(); }
  ~transit();
  transit(const transit&) = delete;
  transit& operator=(const transit&) = delete;

 private:
  void enter() noexcept;
  cache& c_;
  std::uint32_t* count_;  // where we are counted, wherever we run when we leave
  transit* outer_ = nullptr;
  transit* inner_ = nullptr;
};

// To be asked after entering, before taking objects out of the barn: a cache that closes has
// counted, or will count us.
bool still_open(const cache& c) noexcept;
bool still_open_as(const cache& c, std::uintptr_t handle) noexcept;  // and not another one
bool hands_empty(const cache& c) noexcept;
// Sleeps until each count was seen at zero, be it at different moments; the second for so long at
// most, in real time, and then false. Neither may be called with something of this cache in hand.
void await_hands(cache& c) noexcept;
bool await_hands(cache& c, std::uint64_t most_us) noexcept;
// Returns when everybody who had objects of the cache in hand at the call has put them back. Takes
// drain_lock.
void transit_drain(cache& c) noexcept;

}  // namespace graceslab::slab
