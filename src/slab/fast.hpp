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

// This thread's arrays of the cache that a handle names; nullptr: find out slowly. The table of
// records starts where the address says id 0 in its lower bits, so the place to look needs no
// check: a record names one cache only, and any other handle finds another one's. The cache's own
// record stays untouched.
[[gnu::always_inline]] inline gs_local* local_named(const kmem_cache* handle,
                                                    std::uintptr_t* id) noexcept {
  auto value = reinterpret_cast<std::uintptr_t>(handle);
  *id = value / cache_record_bytes % GS_TLS_CACHES;
  gs_local* l = gs_tls.local[*id];
  return GS_LIKELY(l->handle == value) ? l : nullptr;
}

[[gnu::always_inline]] inline void* take_named(const kmem_cache* handle) noexcept {
  std::uintptr_t id;
  gs_local* l = local_named(handle, &id);
  return GS_LIKELY(l != nullptr) ? gs_local_take(l, 0) : nullptr;
}

[[gnu::always_inline]] inline bool give_named(const kmem_cache* handle, void* object,
                                              int retired) noexcept {
  std::uintptr_t id;
  gs_local* l = local_named(handle, &id);
  return GS_LIKELY(l != nullptr) &&
         gs_local_give(l, retired, object, static_cast<std::uint32_t>(id), 0) != 0;
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
  if (GS_UNLIKELY(id >= GS_TLS_CACHES)) return false;
  gs_local* l = gs_tls.local[id];
  return give_in(granule, offset, l, retired, object);
}

// ---- caches beyond the thread's block, where something of them was used lately ----

[[gnu::always_inline]] inline gs_local* far_named(const kmem_cache* handle) noexcept {
  auto value = reinterpret_cast<std::uintptr_t>(handle);
  gs_local* l = gs_tls.far[value / cache_record_bytes % sync::far_places];
  return GS_LIKELY(l->handle == value) ? l : nullptr;
}

[[gnu::always_inline]] inline void* take_far(const kmem_cache* handle) noexcept {
  gs_local* l = far_named(handle);
  return GS_LIKELY(l != nullptr) ? gs_local_take(l, 0) : nullptr;
}

[[gnu::always_inline]] inline bool give_far(const kmem_cache* handle, void* object,
                                            int retired) noexcept {
  gs_local* l = far_named(handle);
  return GS_LIKELY(l != nullptr) &&
         gs_local_give(l, retired, object, id_of_handle(l->handle), 0) != 0;
}

[[gnu::always_inline]] inline bool give_far_by_pointer(void* object, int retired) noexcept {
  std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - gs_heap.base;
  if (GS_UNLIKELY(offset >= gs_heap.bytes)) return false;
  const gs_granule* granule = &gs_heap.granules[offset >> GS_GRANULE_SHIFT];
  std::uint32_t id = gs_load_relaxed(&granule->cache);
  gs_local* l = gs_tls.far[id % sync::far_places];
  if (GS_UNLIKELY((l->handle & table.address_bits) != record_address(id))) return false;
  return give_in(granule, offset, l, retired, object);
}

// The cache of a pointer that is the start of an object; nullptr: foreign, or outlying.
inline cache* cache_of_start(const void* object) noexcept {
  std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - gs_heap.base;
  if (GS_UNLIKELY(offset >= gs_heap.bytes)) return nullptr;
  return cache_from_id(gs_load_relaxed(&gs_heap.granules[offset >> GS_GRANULE_SHIFT].cache));
}

}  // namespace graceslab::slab
