// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Large runs that found no room in the reserved range: each is mapped on its own, and unmapped when
// it ends. A registry, ordered by address, finds them by any pointer into them.
//
// Lock        the large cache's slabs_lock, which is held across a fork. It keeps what is found
//             alive, too: an outlying run ends under it.
// Invariants  O1 in the registry <=> mapped outside the range <=> on a list of the large cache.
#pragma once
#include "slab/slab.hpp"

namespace graceslab::slab {

inline bool is_outlying(const slab& s) noexcept { return !in_range(s.start); }

// Maps s.granules and registers the run. False when the system refuses.
bool outlying_map(slab& s) noexcept;
void outlying_unmap(slab& s) noexcept;
// The run that a pointer lies in, or nullptr.
slab* outlying_at(const void* pointer) noexcept;

// Without the lock: false only when no run that the caller may know of is outlying.
bool any_outlying() noexcept;

}  // namespace graceslab::slab
