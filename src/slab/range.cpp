// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/range.hpp"

#include "os/pages.hpp"
#include "os/sanitizer.hpp"
#include "slab/heap.hpp"

namespace graceslab::slab {
namespace {

constexpr std::size_t block_bytes = std::size_t{2} << 20;  // taken at a time
constexpr std::size_t first_steps = block_bytes / 8;       // until there is one
constexpr std::size_t map_step_bytes = std::size_t{64} << 10;
constexpr std::size_t terabyte = std::size_t{1} << 40;
constexpr std::size_t beside_sanitizers = terabyte / 16;  // they need room of their own

std::size_t wanted_bytes() noexcept {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  return beside_sanitizers;
#else
  return os::sanitized() ? beside_sanitizers : terabyte;
#endif
}

bool reserved;     // or a window
frontier reached;  // under the heap's lock

std::size_t map_bytes_of(std::size_t range_bytes) noexcept {
  return (range_bytes >> GS_GRANULE_SHIFT) * sizeof(gs_granule);
}

std::size_t rounded_up(std::size_t bytes, std::size_t step, std::size_t most) noexcept {
  const std::size_t target = (bytes + step - 1) / step * step;
  return target < most ? target : most;
}

bool find_map(range& r) noexcept {
  void* map = r.base != 0 ? os::reserve(map_bytes_of(r.bytes), os::page_bytes(), true) : nullptr;
  r.granules = static_cast<gs_granule*>(map);
  return map != nullptr;
}

bool reserve_all(range& r) noexcept {
  const std::size_t wanted = wanted_bytes();
  for (std::size_t bytes = wanted; bytes >= wanted / 16; bytes /= 2) {
    void* base = os::reserve(bytes, block_bytes);
    if (base == nullptr) continue;
    os::small_pages(base, bytes);
    r = {reinterpret_cast<std::uintptr_t>(base), bytes, nullptr, true};
    if (find_map(r)) return true;
    os::unreserve(base, bytes);
  }
  return false;
}

// At least as large as all that may ever be mapped.
bool find_window(range& r, std::size_t limit) noexcept {
  std::size_t bytes = block_bytes;
  while (bytes < limit && bytes < wanted_bytes()) bytes *= 2;
  for (; bytes >= block_bytes; bytes /= 2) {
    r = {os::likely_free(bytes, block_bytes), bytes, nullptr, false};
    if (find_map(r)) return true;
  }
  return false;
}

bool grow_records(std::size_t& from, std::size_t needed) noexcept {
  if (needed <= from) return true;
  const std::size_t target = rounded_up(needed, map_step_bytes, map_bytes_of(gs_heap.bytes));
  if (!os::commit(reinterpret_cast<char*>(gs_heap.granules) + from, target - from, 0)) return false;
  from = target;
  return true;
}

bool grow_pages(std::size_t& from, std::size_t target) noexcept {
  if (!os::commit(reinterpret_cast<char*>(gs_heap.base) + from, target - from, 0)) return false;
  from = target;
  return true;
}

}  // namespace

bool range_find(range* r) noexcept {
  const std::size_t space = os::address_space_limit();
  if (space / 4 < wanted_bytes()) return find_window(*r, space);
  // Where only the writable part is limited, addresses are plenty.
  const bool limited = os::memory_limit() < wanted_bytes();
  return (limited && find_window(*r, wanted_bytes())) || reserve_all(*r) || find_window(*r, space);
}

void range_settle(const range& r) noexcept {
  reserved = r.reserved;  // before anybody sees the range
  gs_heap.granules = r.granules;
  gs_heap.base = r.base;
  gs_store_release(&gs_heap.bytes, r.bytes);
  if (reserved) os::add_root(reinterpret_cast<void*>(r.base), r.bytes);
}

void range_drop(const range& r) noexcept {
  os::unreserve(r.granules, map_bytes_of(r.bytes));
  if (r.reserved) os::unreserve(reinterpret_cast<void*>(r.base), r.bytes);
}

frontier range_frontier() noexcept { return reached; }

bool range_reaches(std::size_t end) noexcept {
  return map_bytes_of(end) <= reached.records_bytes && (!reserved || end <= reached.usable_bytes);
}

bool range_grow(frontier* f, std::size_t end) noexcept {
  if (!grow_records(f->records_bytes, map_bytes_of(end))) return false;
  if (!reserved || end <= f->usable_bytes) return true;
  const std::size_t step = end <= block_bytes ? first_steps : block_bytes;
  const std::size_t target = rounded_up(end, step, gs_heap.bytes);
  return grow_pages(f->usable_bytes, target) || (target != end && grow_pages(f->usable_bytes, end));
}

void range_move(const frontier& f) noexcept {
  if (f.usable_bytes > reached.usable_bytes) reached.usable_bytes = f.usable_bytes;
  if (f.records_bytes > reached.records_bytes) reached.records_bytes = f.records_bytes;
}

os::mapped range_map(std::uint32_t first, std::uint32_t granules) noexcept {
  if (reserved) return os::mapped::yes;
  const std::size_t bytes = std::size_t{granules} << GS_GRANULE_SHIFT;
  const os::mapped how = os::map_at(granule_address(first), bytes);
  if (how != os::mapped::yes) return how;
  os::small_pages(granule_address(first), bytes);
  os::add_root(granule_address(first), bytes);
  return how;
}

void range_unmap(std::uint32_t first, std::uint32_t granules) noexcept {
  if (reserved) return;
  const std::size_t bytes = std::size_t{granules} << GS_GRANULE_SHIFT;
  os::remove_root(granule_address(first), bytes);
  os::allow(granule_address(first), bytes);  // whoever maps there next
  os::unreserve(granule_address(first), bytes);
}

}  // namespace graceslab::slab
