// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/heap.hpp"

#include "os/fault.hpp"
#include "slab/range.hpp"
#include "sync/mutex.hpp"

GRACESLAB_API gs_heap_map gs_heap = {0, 0, nullptr};

namespace graceslab::slab {
namespace {

constexpr unsigned bins = 18;  // run lengths 1 to 16 exactly, then 17 to 64, then the rest

constinit sync::mutex heap_lock{sync::rank::heap};
std::uint32_t next_granule = 1;   // those from here on are not handed out
std::uint32_t asked_granule = 1;  // for those from here on the system was never asked
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

// The first granule from `run` on whose address is a multiple of so many granules.
std::uint32_t aligned_from(std::uint32_t run, std::uint32_t align) noexcept {
  const std::uintptr_t number = (gs_heap.base >> GS_GRANULE_SHIFT) + run;
  return run + static_cast<std::uint32_t>(-number & (align - 1));
}

std::uint32_t take_from_bins(std::uint32_t granules, std::uint32_t align) noexcept {
  for (unsigned bin = bin_of(granules); bin < bins; ++bin)
    for (std::uint32_t run = bin_head[bin]; run != 0; run = get_links(run).next) {
      const std::uint32_t end = run + gs_heap.granules[run].first;
      const std::uint32_t first = aligned_from(run, align);
      if (first > end || end - first < granules) continue;
      bin_remove(run);
      if (first > run) bin_insert(run, first - run);
      if (end - first > granules) bin_insert(first + granules, end - first - granules);
      return first;
    }
  return 0;
}

// What a caller of heap_take() learns in between.
struct asking {
  std::uint32_t granules;
  std::uint32_t align;
  std::uint32_t cache;
  bool asked = false;  // faults are injected once
  bool refused = false;
  std::size_t end = 0;  // up to where the range has to be usable first, in bytes; 0: it is
  frontier from = {};
};

std::uint32_t take_fresh(asking& a) noexcept {
  const std::uint32_t run = aligned_from(next_granule, a.align);
  const std::size_t end = (std::size_t{run} + a.granules) << GS_GRANULE_SHIFT;
  if (end > gs_heap.bytes) return 0;
  if (!a.asked && run + a.granules > asked_granule)
    a.refused = os::fault_now(GS_FAULT_PAGES, a.cache);
  a.asked = true;
  if (a.refused) return 0;
  if (!range_reaches(end)) {
    a.end = end;
    a.from = range_frontier();
    return 0;
  }
  if (run != next_granule) bin_insert(next_granule, run - next_granule);
  next_granule = run + a.granules;
  if (next_granule > asked_granule) asked_granule = next_granule;
  return run;
}

std::uint32_t take(asking& a) noexcept {
  a.end = 0;
  sync::lock_guard hold(heap_lock);
  std::uint32_t run = take_from_bins(a.granules, a.align);
  if (run == 0) run = take_fresh(a);
  if (run != 0) heap_withdraw(run, a.granules);
  return run;
}

// Without the lock.
bool grow(asking& a) noexcept {
  if (!range_grow(&a.from, a.end)) return false;
  sync::lock_guard hold(heap_lock);
  range_move(a.from);
  return true;
}

void give(std::uint32_t first, std::uint32_t granules) noexcept {
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

}  // namespace

bool heap_ready() noexcept {
  if (GS_LIKELY(gs_load_acquire(&gs_heap.bytes) != 0)) return true;
  range r;
  if (!range_find(&r)) return false;
  {
    sync::lock_guard hold(heap_lock);
    if (gs_heap.bytes == 0) {
      range_settle(r);
      return true;
    }
  }
  range_drop(r);
  return true;
}

std::uint32_t heap_take(std::uint32_t granules, std::uint32_t align, std::uint32_t cache,
                        bool* refused) noexcept {
  *refused = false;
  for (asking a{granules, align, cache};;) {
    const std::uint32_t run = take(a);
    if (run == 0 && a.end != 0 && grow(a)) continue;
    *refused = a.refused || a.end != 0;
    if (run == 0) return 0;
    const os::mapped how = range_map(run, granules);
    if (how == os::mapped::yes) return run;
    if (how == os::mapped::occupied) continue;  // it stays with whoever has mapped there
    give(run, granules);
    *refused = true;
    return 0;
  }
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
  range_unmap(first, granules);
  give(first, granules);
}

void heap_lock_for_fork() noexcept { heap_lock.lock(); }
void heap_unlock_after_fork(bool child) noexcept {
  child ? heap_lock.reset_in_child() : heap_lock.unlock();
}

}  // namespace graceslab::slab
