// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Running constructors: user code, which may block, allocate, fork, throw, or end its thread.
//
// It runs under no lock and in nobody's count of hands. Until it returns its objects are unborn:
// not free, not live, in nobody's way but that of the cache's own end.
//
// - Enters: objects that were carved, or left by a constructor that did not return.
// - Leaves: constructed, one to who asked and the others into their slabs; or left behind, and then
//   constructed ones go home and the others wait for whoever next makes objects. Of a cache that
//   was closed meanwhile all of them go home, where no constructor is needed any more.
// - Invariants: c.unborn == the sum of n over c.births, under slabs_lock. An unborn object keeps
//   its cache from being gone, so the record stays what it is.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::slab {

// A fresh object of the cache of that handle. nullptr: no memory, or it was closed.
void* construct(cache& c, std::uintptr_t handle) noexcept;

// Whether this thread is inside a constructor of that cache; of one for which `of` holds.
const cache* constructing(bool (*of)(const cache&, const void*), const void* arg) noexcept;
bool constructing(const cache& c) noexcept;

// Reports a constructor of the cache that has run for too long. Whoever waits for it calls this now
// and then, with no lock held.
inline constexpr char end_of_cache[] = "the end of its cache";
void look_for_stuck_constructor(cache& c, const char* waiter = end_of_cache) noexcept;
// The one that has run for longest, and its stack, for which its thread is asked. False: none runs.
enum class stuck_stack { left_out, told };
bool describe_constructing(cache& c, stuck_stack stack, char* text, std::size_t bytes) noexcept;
bool anybody_constructs(cache& c) noexcept;  // any thread is inside one

// For a close, after its move: those that were left behind go home.
void drop_left_births(cache& c) noexcept;
// In a forked child: those whose constructor another thread ran are left behind.
void leave_foreign_births(cache& c) noexcept;

}  // namespace graceslab::slab
