// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sheaves (arrays of object pointers) and a cache's barn of them.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::slab {

// What a record points at when it has no array: full and empty at once, so every operation goes out
// of line.
extern gs_sheaf no_sheaf;

gs_sheaf* sheaf_new(cache& c) noexcept;   // empty; nullptr without memory
void sheaf_delete(gs_sheaf* s) noexcept;  // no_sheaf is a no-op

void push(sheaf_list& l, gs_sheaf* s) noexcept;
void append(sheaf_list& l, gs_sheaf* s) noexcept;
gs_sheaf* pop(sheaf_list& l) noexcept;

gs_sheaf* empty_sheaf(cache& c) noexcept;        // from the barn, or new
void put_empty(cache& c, gs_sheaf* s) noexcept;  // to the barn, or back to the metadata
void put_full(cache& c,
              gs_sheaf* s) noexcept;  // free objects: to the barn, or flushed into their slabs
void flush(cache& c,
           gs_sheaf* s) noexcept;  // free objects into their slabs; the array stays with the caller
bool may_be_reused(cache& c,
                   const gs_sheaf* s) noexcept;  // K5; false: reported, and its objects leak
gs_sheaf* reclaimed_sheaf(cache& c) noexcept;    // harvested, and checked again (K5); nullptr: none
void flush_barn(cache& c) noexcept;              // everything parked in it, and its empty arrays
// Exchanges, for what the caller holds (no_sheaf: nothing), which is gone afterwards either way.
// A full sheaf: barn, reclaimed, harvest, first in our own depot; then slabs. nullptr without
// memory.
gs_sheaf* full_for(cache& c, gs_sheaf* held) noexcept;
// An empty one for free objects, which go to the barn or into their slabs. nullptr without memory.
gs_sheaf* empty_for(cache& c, gs_sheaf* held) noexcept;

// Retired objects: one cookie for the whole array, then onto this cache's own list.
void defer(cache& c, gs_sheaf* s) noexcept;
// The first half: afterwards the objects are on the list, and the caller calls hooks.deferred(c, n,
// depth). `empty`, if given, receives an empty sheaf of the barn, or nullptr.
std::uint64_t append_deferred(cache& c, gs_sheaf* s, gs_sheaf** empty = nullptr) noexcept;
// The same for what a destructor of the cache retired, while its run lasts: onto the list of heirs.
void append_heirs(cache& c, gs_sheaf* s) noexcept;
// In all depots, and of the heirs: moves deferred sheaves whose grace period is over to the
// reclaimed ones (or the ripe ones). Returns how many.
std::uint32_t harvest(cache& c) noexcept;

}  // namespace graceslab::slab
