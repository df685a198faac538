// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A look at a cache from outside, which disturbs nobody: no fence, no array is seized, no lock is
// waited for. What lies in a thread's arrays therefore counts as allocated.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::slab {

struct cache_sight {
  char name[sizeof cache::name];
  std::uint32_t id, stage, flags;
  int policy;
  gs_domain* domain;  // a handle
  std::uint64_t size, stride, slab_bytes, slab_objects;
  std::uint64_t slabs, slabs_used;
  std::uint64_t carved, free_in_slabs, parked, ready, deferred, allocated, unborn, leaked;
  std::uint64_t retired, reclaimed, late_frees, resident_bytes;
  std::uint64_t waits_since_ms;  // something for its grace period, at least; 0: nothing does
  std::uint64_t closed_at_ms;    // 0: it was not destroyed
};

enum class looked {
  seen,
  busy,  // somebody had one of its locks; what is constant is there if `id` is not 0
  gone
};
// Tries each of its locks once.
looked look_at(cache& c, cache_sight* out) noexcept;

}  // namespace graceslab::slab
