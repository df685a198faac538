// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Having objects of a cache in hand, outside all its lists.
//
// Closing a cache waits until nobody has any, so that its count is exact; so does a fork, so that the child loses none.
// Context   short: nothing in between waits for a grace period, a callback or a user's section. May nest.
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
};

// To be asked after entering, before taking objects out of the barn: a cache that closes has counted, or will count us.
bool still_open(const cache& c) noexcept;

// Empty-handed everywhere, and nobody takes anything up until transit_resume().
void transit_halt() noexcept;
void transit_resume() noexcept;

}  // namespace graceslab::slab
