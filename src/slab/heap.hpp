// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The reserved range that all objects live in, handed out in runs of 64 KiB granules.
//
// - Owns: gs_heap and its map of 16-byte granule records.
// - Invariants:
//   - H1 a granule's record says cache != 0 <=> the granule is handed out.
//   - H2 a free run's first and last record hold its length; no two free runs touch.
#pragma once
#include <graceslab/detail/local.h>

#include <cstddef>
#include <cstdint>

namespace graceslab::slab {

inline constexpr std::size_t granule_bytes = std::size_t{1} << GS_GRANULE_SHIFT;

// Reserves the range at first use. False when the system gives no address space.
bool heap_ready() noexcept;
// A run of granules at a multiple of `align` of them (a power of two), its pages usable and reading
// zero. 0 when the range has no room for it, or,
// `*refused`, when the system or an injected fault gave no pages (granule 0 is never handed out).
// Nobody is asked for pages that were handed out before: the system took back what was in them
// only.
std::uint32_t heap_take(std::uint32_t granules, std::uint32_t align, std::uint32_t cache,
                        bool* refused) noexcept;
// Gives a run back. Its pages were discarded by the caller, and its records are cleared here.
void heap_give(std::uint32_t first, std::uint32_t granules) noexcept;
// Publishes a slab's run in the map.
void heap_publish(std::uint32_t first, std::uint32_t granules, std::uint32_t cache,
                  std::uint8_t* states) noexcept;

// The opposite, before its pages are discarded: nobody finds the slab any more.
void heap_withdraw(std::uint32_t first, std::uint32_t granules) noexcept;

// A run that is taken but not published belongs to nobody that can be looked up.
inline constexpr std::uint32_t being_prepared = ~std::uint32_t{0};

inline char* granule_address(std::uint32_t granule) noexcept {
  return reinterpret_cast<char*>(gs_heap.base + (std::uintptr_t{granule} << GS_GRANULE_SHIFT));
}
inline std::uint32_t granule_at(const char* start) noexcept {
  return static_cast<std::uint32_t>((reinterpret_cast<std::uintptr_t>(start) - gs_heap.base) >>
                                    GS_GRANULE_SHIFT);
}
inline bool in_range(const void* pointer) noexcept {
  return reinterpret_cast<std::uintptr_t>(pointer) - gs_heap.base < gs_heap.bytes;
}
// The record of a pointer's granule, or nullptr when the pointer is not ours or outlying.
inline gs_granule* granule_of(const void* pointer) noexcept {
  std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(pointer) - gs_heap.base;
  if (offset >= gs_heap.bytes) return nullptr;
  gs_granule* g = &gs_heap.granules[offset >> GS_GRANULE_SHIFT];
  return gs_load_relaxed(&g->cache) - 1 < being_prepared - 1 ? g : nullptr;
}

void heap_lock_for_fork() noexcept;
void heap_unlock_after_fork(bool child) noexcept;

}  // namespace graceslab::slab
