// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The address range of the heap and the memory for its map, taken from the system as granules come
// into use.
//
// Address space is reserved at the first use and made usable in pieces, unless the process may map,
// or write to, little. Then the range is a window in which nothing is mapped but runs in use, so
// that what objects do not need is there for others, and what others have mapped there is left out.
// The map reads zero, "nobody's granule", wherever it was never written, and costs memory only
// where it was.
#pragma once
#include <graceslab/detail/local.h>

#include <cstddef>
#include <cstdint>

#include "os/pages.hpp"

namespace graceslab::slab {

// The system is asked with no lock held (docs/ordering/growth.md): what was had is settled
// afterwards, under the heap's lock.
struct range {
  std::uintptr_t base = 0;
  std::size_t bytes = 0;
  gs_granule* granules = nullptr;
  bool reserved = false;
};
bool range_find(range* r) noexcept;          // false: the system gives no address space
void range_settle(const range& r) noexcept;  // sets gs_heap; under the lock
void range_drop(const range& r) noexcept;    // somebody else's was settled

// Up to where the system was asked, from the start.
struct frontier {
  std::size_t usable_bytes = 0;   // of what is reserved
  std::size_t records_bytes = 0;  // of the map
};
frontier range_frontier() noexcept;            // under the lock
bool range_reaches(std::size_t end) noexcept;  // granules up to `end` bytes; under the lock
// Makes usable what lies between a frontier that was read and `end`, with a step beyond, and moves
// *f. False when refused. Whoever read the same one does the same once more, which harms nobody.
bool range_grow(frontier* f, std::size_t end) noexcept;
void range_move(const frontier& f) noexcept;  // forward only; under the lock

// In a window: maps and unmaps a run that is the caller's alone. Without a lock.
os::mapped range_map(std::uint32_t first, std::uint32_t granules) noexcept;
void range_unmap(std::uint32_t first, std::uint32_t granules) noexcept;

}  // namespace graceslab::slab
