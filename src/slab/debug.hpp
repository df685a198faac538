// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The debug flags: poison, red zones, owners with stacks, consistency checks. Caches that ask for
// any of them keep no arrays; every operation comes through here.
#pragma once
#include "slab/slab.hpp"

namespace graceslab::slab {

inline bool is_debug(const cache& c) noexcept { return (c.flags & flags_debug) != 0; }

void debug_new_object(cache& c, char* object) noexcept;  // as it leaves carving
bool debug_before_alloc(cache& c, slab& s, char* object,
                        const void* site) noexcept;  // true: live; false: damaged, leaked
bool debug_before_free(cache& c, slab& s, char* object,
                       const void* site) noexcept;  // false: damaged, leaked
// Free from now on, though not in its slab yet. Poison: no reader can hold it.
void debug_after_reclaim(cache& c, char* object) noexcept;
int debug_validate(cache& c) noexcept;  // damaged objects, each reported; beside busy threads too
// "allocated at ..., freed at ..." with stacks, when they are kept. Returns the length written.
std::size_t debug_describe_owners(slab& s, std::uint32_t index, char* text,
                                  std::size_t bytes) noexcept;

}  // namespace graceslab::slab
