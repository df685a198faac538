// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The fast paths of the C face, in line with their entry points; everything else is out of line and
// cold.
#pragma once
#include "slab/locals.hpp"

namespace graceslab::slab {

inline void* alloc(cache& c, unsigned gfp, const void* site) noexcept {
  void* object =
      GS_LIKELY(gfp == 0) ? gs_local_take(local_of(c), c.id, c.stride, c.inverse) : nullptr;
  return GS_LIKELY(object != nullptr) ? object : alloc_slow(c, gfp, site);
}

inline void free_object(cache& c, void* object, const void* site) noexcept {
  if (GS_UNLIKELY(!gs_local_give(local_of(c), 0, object, c.id, c.stride, c.inverse)))
    free_slow(c, object, site);
}

inline void retire_object(cache& c, void* object, const void* site) noexcept {
  if (GS_UNLIKELY(!gs_local_give(local_of(c), 1, object, c.id, c.stride, c.inverse)))
    retire_slow(c, object, site);
}

// The cache of a pointer that is the start of an object; nullptr: foreign.
inline cache* cache_of_start(const void* object) noexcept {
  std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - gs_heap.base;
  if (GS_UNLIKELY(offset >= gs_heap.bytes)) return nullptr;
  return cache_from_id(gs_load_relaxed(&gs_heap.granules[offset >> GS_GRANULE_SHIFT].cache));
}

}  // namespace graceslab::slab
