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
#include <cstddef>
#include <cstdint>

#include "os/pages.hpp"

namespace graceslab::slab {

// Sets gs_heap. False when the system gives no address space. Under the heap's lock.
bool range_find() noexcept;

// Makes the records of the granules up to `end` bytes usable, and what is reserved up to there.
// False when refused. Under the heap's lock.
bool range_grow(std::size_t end) noexcept;

// In a window: maps and unmaps a run that is the caller's alone. Without a lock.
os::mapped range_map(std::uint32_t first, std::uint32_t granules) noexcept;
void range_unmap(std::uint32_t first, std::uint32_t granules) noexcept;

}  // namespace graceslab::slab
