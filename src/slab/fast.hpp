// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The fast paths of the C face, in line with their entry points; everything else is out of line,
// and called last: an entry point that keeps nothing across a call saves no registers.
#pragma once
#include "slab/locals.hpp"

namespace graceslab::slab {

// This thread's record is of the cache that it found by `handle`, or of an earlier one and closed.
[[gnu::always_inline]] inline void* alloc(cache& c, std::uintptr_t handle, unsigned gfp,
                                          const void* site) noexcept {
  void* object = GS_LIKELY(gfp == 0) ? gs_local_take(local_of(c), 0) : nullptr;
  return GS_LIKELY(object != nullptr) ? object : alloc_slow(handle, gfp, site);
}

inline void free_object(cache& c, void* object, const void* site) noexcept {
  if (GS_UNLIKELY(!gs_local_give(local_of(c), 0, object, c.id, 0))) free_slow(c, object, site);
}

inline void retire_object(cache& c, void* object, const void* site) noexcept {
  if (GS_UNLIKELY(!gs_local_give(local_of(c), 1, object, c.id, 0))) retire_slow(c, object, site);
}

// This thread's arrays of the cache that a handle names, and that cache's id; nullptr: find out
// slowly. The table of records starts where the address says id 0 in its lower bits, so the places
// to look need no check: a record names one cache only, and any other handle finds another one's.
// The cache's own record stays untouched. Beyond the thread's block there is one place for several
// caches, and the one that was found slowly last has it.
[[gnu::always_inline]] inline gs_local* local_named(const kmem_cache* handle,
                                                    std::uint32_t* id) noexcept {
  auto value = reinterpret_cast<std::uintptr_t>(handle);
  const std::uintptr_t place = value / cache_record_bytes % GS_TLS_CACHES;
  *id = static_cast<std::uint32_t>(place);
  gs_local* l = gs_tls.local[place];
  if (GS_LIKELY(l->handle == value)) return l;
  std::uintptr_t anew = value;
  gs_forget(anew);  // or the quotient is kept for here, at the cost of the way above
  l = gs_tls.far[anew / cache_record_bytes % GS_TLS_FAR];
  *id = l->id;
  return GS_LIKELY(l->handle == value) ? l : nullptr;
}

// The same by the id, be they of that cache or closed.
[[gnu::always_inline]] inline bool local_numbered(std::uint32_t id, gs_local** l) noexcept {
  if (GS_LIKELY(id < GS_TLS_CACHES)) return *l = gs_tls.local[id], true;
  *l = gs_tls.far[id % GS_TLS_FAR];
  return GS_LIKELY((*l)->id == id);
}

[[gnu::always_inline]] inline void* take_named(const kmem_cache* handle) noexcept {
  std::uint32_t id;
  gs_local* l = local_named(handle, &id);
  return GS_LIKELY(l != nullptr) ? gs_local_take(l, 0) : nullptr;
}

[[gnu::always_inline]] inline bool give_named(const kmem_cache* handle, void* object,
                                              int retired) noexcept {
  std::uint32_t id;
  gs_local* l = local_named(handle, &id);
  return GS_LIKELY(l != nullptr) && gs_local_give(l, retired, object, id, 0) != 0;
}

// Into the arrays of the cache that has the granule.
[[gnu::always_inline]] inline bool give_in(const gs_granule* granule, std::uintptr_t offset,
                                           gs_local* l, int retired, void* object) noexcept {
  std::uint64_t inverse = gs_load_relaxed(&l->inverse);
  if (GS_UNLIKELY(inverse == 0)) return gs_local_push(l, retired, object, nullptr) != 0;
  return gs_local_give_checked(l, retired, object, gs_state_in(granule, offset, 0, inverse)) != 0;
}

// The same by the pointer alone. A record left by an earlier cache of that id is closed.
[[gnu::always_inline]] inline bool give_by_pointer(void* object, int retired) noexcept {
  std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - gs_heap.base;
  if (GS_UNLIKELY(offset >= gs_heap.bytes)) return false;
  const gs_granule* granule = &gs_heap.granules[offset >> GS_GRANULE_SHIFT];
  std::uint32_t id = gs_load_relaxed(&granule->cache);
  gs_local* l;
  return GS_LIKELY(local_numbered(id, &l)) && give_in(granule, offset, l, retired, object);
}

// The cache of a pointer that is the start of an object; nullptr: foreign, or outlying.
inline cache* cache_of_start(const void* object) noexcept {
  std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - gs_heap.base;
  if (GS_UNLIKELY(offset >= gs_heap.bytes)) return nullptr;
  return cache_from_id(gs_load_relaxed(&gs_heap.granules[offset >> GS_GRANULE_SHIFT].cache));
}

}  // namespace graceslab::slab
