// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Large runs that found no room in the reserved range: each is mapped on its own, and unmapped when
// it ends. A registry, ordered by address, finds them by any pointer into them.
//
// - Lock: the registry has the large cache's slabs_lock, which is held across a fork. It keeps what
//   is found alive, too: an outlying run leaves the registry under it, and is unmapped after that.
//   Mapping and unmapping ask the system, hence need no lock and stand under none that a free
//   takes.
// - Invariants: O1 in the registry <=> on a list of the large cache and outside the range.
#pragma once
#include "slab/slab.hpp"

namespace graceslab::slab {

inline bool is_outlying(const slab& s) noexcept { return !in_range(s.start); }

// Maps s.granules at a multiple of `align` granules, for one that nobody finds yet. False when the
// system refuses.
bool outlying_map(slab& s, std::uint32_t align) noexcept;
void outlying_unmap(slab& s) noexcept;  // that nobody finds any more
// The registry. Under the lock.
void outlying_add(slab& s) noexcept;
void outlying_remove(slab& s) noexcept;
// The run that a pointer lies in, or nullptr.
slab* outlying_at(const void* pointer) noexcept;

// Without the lock: false only when no run that the caller may know of is outlying.
bool any_outlying() noexcept;

}  // namespace graceslab::slab
