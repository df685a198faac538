// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/range.hpp"

#include "os/pages.hpp"
#include "slab/heap.hpp"

namespace graceslab::slab {
namespace {

constexpr std::size_t block_bytes = std::size_t{2} << 20;  // taken at a time
constexpr std::size_t first_steps = block_bytes / 8;       // until there is one
constexpr std::size_t map_step_bytes = std::size_t{64} << 10;
constexpr std::size_t terabyte = std::size_t{1} << 40;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t wanted_bytes = terabyte / 16;  // the sanitizers need room of their own
#else
constexpr std::size_t wanted_bytes = terabyte;
#endif
constexpr std::size_t least_reserved = wanted_bytes / 16;

bool reserved;              // or a window
std::size_t usable_bytes;   // from the start of the range
std::size_t records_bytes;  // of the map that can be written

std::size_t map_bytes_of(std::size_t range_bytes) noexcept {
  return (range_bytes >> GS_GRANULE_SHIFT) * sizeof(gs_granule);
}

bool grow_records(std::size_t range_bytes) noexcept {
  const std::size_t all = map_bytes_of(gs_heap.bytes);
  std::size_t target = (map_bytes_of(range_bytes) + map_step_bytes - 1) & ~(map_step_bytes - 1);
  if (target > all) target = all;
  if (target <= records_bytes) return true;
  char* map = reinterpret_cast<char*>(gs_heap.granules);
  if (!os::commit(map + records_bytes, target - records_bytes, 0)) return false;
  records_bytes = target;
  return true;
}

bool set_range(std::uintptr_t base, std::size_t bytes) noexcept {
  const std::size_t map_bytes = map_bytes_of(bytes);
  void* map = base != 0 ? os::reserve(map_bytes, os::page_bytes(), true) : nullptr;
  if (map == nullptr) return false;
  gs_heap.granules = static_cast<gs_granule*>(map);
  gs_heap.base = base;
  gs_store_release(&gs_heap.bytes, bytes);
  return true;
}

bool reserve_all() noexcept {
  for (std::size_t bytes = wanted_bytes; bytes >= least_reserved; bytes /= 2) {
    void* base = os::reserve(bytes, block_bytes);
    if (base == nullptr) continue;
    os::small_pages(base, bytes);
    reserved = true;  // before anybody sees the range
    if (set_range(reinterpret_cast<std::uintptr_t>(base), bytes)) return true;
    reserved = false;
    os::unreserve(base, bytes);
  }
  return false;
}

// At least as large as all that may ever be mapped.
bool find_window(std::size_t limit) noexcept {
  std::size_t bytes = block_bytes;
  while (bytes < limit && bytes < wanted_bytes) bytes *= 2;
  for (; bytes >= block_bytes; bytes /= 2)
    if (set_range(os::likely_free(bytes, block_bytes), bytes)) return true;
  return false;
}

bool grow_to(std::size_t end) noexcept {
  char* from = reinterpret_cast<char*>(gs_heap.base) + usable_bytes;
  if (!os::commit(from, end - usable_bytes, 0)) return false;
  usable_bytes = end;
  return true;
}

}  // namespace

bool range_find() noexcept {
  const std::size_t space = os::address_space_limit();
  if (space / 4 < wanted_bytes) return find_window(space);
  // Where only the writable part is limited, addresses are plenty.
  const bool limited = os::memory_limit() < wanted_bytes;
  return (limited && find_window(wanted_bytes)) || reserve_all() || find_window(space);
}

bool range_grow(std::size_t end) noexcept {
  if (!grow_records(end)) return false;
  if (!reserved || end <= usable_bytes) return true;
  const std::size_t step = end <= block_bytes ? first_steps : block_bytes;
  std::size_t target = (end + step - 1) / step * step;
  if (target > gs_heap.bytes) target = gs_heap.bytes;
  return grow_to(target) || (target != end && grow_to(end));
}

os::mapped range_map(std::uint32_t first, std::uint32_t granules) noexcept {
  if (reserved) return os::mapped::yes;
  const std::size_t bytes = std::size_t{granules} << GS_GRANULE_SHIFT;
  const os::mapped how = os::map_at(granule_address(first), bytes);
  if (how == os::mapped::yes) os::small_pages(granule_address(first), bytes);
  return how;
}

void range_unmap(std::uint32_t first, std::uint32_t granules) noexcept {
  if (!reserved) os::unreserve(granule_address(first), std::size_t{granules} << GS_GRANULE_SHIFT);
}

}  // namespace graceslab::slab
