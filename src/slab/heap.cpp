// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/heap.hpp"

#include "os/fault.hpp"
#include "os/pages.hpp"
#include "sync/mutex.hpp"

GRACESLAB_API gs_heap_map gs_heap = {0, 0, nullptr};

namespace graceslab::slab {
namespace {

constexpr std::size_t block_bytes = std::size_t{2} << 20;  // committed at a time
constexpr std::size_t terabyte = std::size_t{1} << 40;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::size_t wanted_bytes = terabyte / 16;  // the sanitizers need room of their own
#else
constexpr std::size_t wanted_bytes = terabyte;
#endif
constexpr unsigned bins = 18;  // run lengths 1 to 16 exactly, then 17 to 64, then the rest

constinit sync::mutex heap_lock{sync::rank::heap};
std::uint32_t next_granule = 1;   // those from here on are not handed out
std::uint32_t asked_granule = 1;  // for those from here on the system was never asked
std::size_t committed_bytes = 0;  // from the start of the range
std::uint32_t bin_head[bins];     // 0 = empty

unsigned bin_of(std::uint32_t granules) noexcept {
  return granules <= 16 ? granules - 1 : granules <= 64 ? 16 : 17;
}

// A free run's first record keeps its neighbours in the bin in the states field: previous in the
// upper half.
struct links {
  std::uint32_t previous, next;
};
links get_links(std::uint32_t run) noexcept {
  auto both = reinterpret_cast<std::uint64_t>(gs_heap.granules[run].states);
  return {static_cast<std::uint32_t>(both >> 32), static_cast<std::uint32_t>(both)};
}
void set_links(std::uint32_t run, links l) noexcept {
  auto both = std::uint64_t{l.previous} << 32 | l.next;
  gs_heap.granules[run].states = reinterpret_cast<std::uint8_t*>(both);
}

void bin_insert(std::uint32_t run, std::uint32_t granules) noexcept {
  gs_heap.granules[run].first = granules;
  gs_heap.granules[run + granules - 1].first = granules;
  std::uint32_t& head = bin_head[bin_of(granules)];
  set_links(run, {0, head});
  if (head != 0) set_links(head, {run, get_links(head).next});
  head = run;
}

void bin_remove(std::uint32_t run) noexcept {
  links l = get_links(run);
  std::uint32_t& head = bin_head[bin_of(gs_heap.granules[run].first)];
  if (l.previous != 0)
    set_links(l.previous, {get_links(l.previous).previous, l.next});
  else
    head = l.next;
  if (l.next != 0) set_links(l.next, {l.previous, get_links(l.next).next});
  set_links(run, {0, 0});
}

std::uint32_t take_from_bins(std::uint32_t granules) noexcept {
  for (unsigned bin = bin_of(granules); bin < bins; ++bin)
    for (std::uint32_t run = bin_head[bin]; run != 0; run = get_links(run).next) {
      std::uint32_t length = gs_heap.granules[run].first;
      if (length < granules) continue;
      bin_remove(run);
      if (length > granules) bin_insert(run + granules, length - granules);
      return run;
    }
  return 0;
}

std::uint32_t take_fresh(std::uint32_t granules, std::uint32_t cache, bool* refused) noexcept {
  std::size_t end = (std::size_t{next_granule} + granules) << GS_GRANULE_SHIFT;
  if (end > gs_heap.bytes) return 0;
  *refused = next_granule + granules > asked_granule && os::fault_now(GS_FAULT_PAGES, cache);
  if (*refused) return 0;
  if (end > committed_bytes) {
    std::size_t target = (end + block_bytes - 1) / block_bytes * block_bytes;
    if (target > gs_heap.bytes) target = gs_heap.bytes;
    char* from = reinterpret_cast<char*>(gs_heap.base) + committed_bytes;
    *refused = !os::commit(from, target - committed_bytes, 0);
    if (*refused) return 0;
    committed_bytes = target;
  }
  std::uint32_t run = next_granule;
  next_granule += granules;
  if (next_granule > asked_granule) asked_granule = next_granule;
  return run;
}

bool reserve_range() noexcept {
  std::size_t limit = os::address_space_limit();
  std::size_t bytes = wanted_bytes;
  while (bytes > limit / 4) bytes /= 2;
  for (; bytes >= (std::size_t{64} << 20); bytes /= 2) {
    std::size_t map_bytes = (bytes >> GS_GRANULE_SHIFT) * sizeof(gs_granule);
    void* map = os::reserve(map_bytes, os::page_bytes());
    void* base = map != nullptr ? os::reserve(bytes, block_bytes) : nullptr;
    if (base != nullptr && os::commit(map, map_bytes, 0)) {
      os::small_pages(base, bytes);
      gs_heap.granules = static_cast<gs_granule*>(map);
      gs_heap.base = reinterpret_cast<std::uintptr_t>(base);
      gs_store_release(&gs_heap.bytes, bytes);
      return true;
    }
    if (base != nullptr) os::unreserve(base, bytes);
    if (map != nullptr) os::unreserve(map, map_bytes);
  }
  return false;
}

}  // namespace

bool heap_ready() noexcept {
  if (GS_LIKELY(gs_load_acquire(&gs_heap.bytes) != 0)) return true;
  sync::lock_guard hold(heap_lock);
  return gs_heap.bytes != 0 || reserve_range();
}

std::uint32_t heap_take(std::uint32_t granules, std::uint32_t cache, bool* refused) noexcept {
  *refused = false;
  sync::lock_guard hold(heap_lock);
  std::uint32_t run = take_from_bins(granules);
  if (run == 0) run = take_fresh(granules, cache, refused);
  if (run != 0) heap_withdraw(run, granules);
  return run;
}

void heap_publish(std::uint32_t first, std::uint32_t granules, std::uint32_t cache,
                  std::uint8_t* states) noexcept {
  for (std::uint32_t i = first; i != first + granules; ++i) {
    gs_granule& g = gs_heap.granules[i];
    g.first = first;
    g.states = states;
    gs_store_release(&g.cache, cache);
  }
}

void heap_withdraw(std::uint32_t first, std::uint32_t granules) noexcept {
  for (std::uint32_t i = first; i != first + granules; ++i)
    gs_store_relaxed(&gs_heap.granules[i].cache, being_prepared);
}

void heap_give(std::uint32_t first, std::uint32_t granules) noexcept {
  sync::lock_guard hold(heap_lock);
  for (std::uint32_t i = first; i != first + granules; ++i) {
    gs_store_relaxed(&gs_heap.granules[i].cache, 0u);
    gs_heap.granules[i].states = nullptr;
  }
  std::uint32_t after = first + granules;
  if (after < next_granule && gs_load_relaxed(&gs_heap.granules[after].cache) == 0) {
    granules += gs_heap.granules[after].first;
    bin_remove(after);
  }
  if (first > 1 && gs_load_relaxed(&gs_heap.granules[first - 1].cache) == 0) {
    std::uint32_t length = gs_heap.granules[first - 1].first;
    first -= length;
    granules += length;
    bin_remove(first);
  }
  if (first + granules == next_granule)
    next_granule = first;  // back to the untouched end
  else
    bin_insert(first, granules);
}

void heap_lock_for_fork() noexcept { heap_lock.lock(); }
void heap_unlock_after_fork(bool child) noexcept {
  child ? heap_lock.reset_in_child() : heap_lock.unlock();
}

}  // namespace graceslab::slab
