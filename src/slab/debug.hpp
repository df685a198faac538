// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The debug flags: poison, red zones, owners with stacks, consistency checks. Caches that ask for
// any of them keep no arrays; every operation comes through here. So do those of all caches where a
// sanitizer is in the process (os/sanitizer.hpp), which is told of each object.
#pragma once
#include "os/sanitizer.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {

inline bool is_debug(const cache& c) noexcept {
  return (c.flags & (flags_debug | flag_watched)) != 0;
}

inline bool is_watched(const cache& c) noexcept { return (c.flags & flag_watched) != 0; }

// What becomes of a new cache's flags: a sanitizer that knows which memory may be touched is told,
// and the library does not look into that memory as well.
unsigned debug_flags(unsigned asked_for) noexcept;
// Bytes to leave free behind each object, for an overflow to be found in. 0: none.
std::uint32_t debug_zone_bytes(unsigned flags) noexcept;

void debug_new_slab(slab& s) noexcept;
void debug_old_slab(slab& s) noexcept;  // before its pages go back
// Free objects in turn, under slabs_lock: what came back is handed out again as late as can be, so
// that who still uses it is found. Never more than there are.
std::uint32_t debug_take(slab& s, void** out, std::uint32_t n) noexcept;
void debug_new_object(cache& c, char* object) noexcept;  // as it leaves carving
// Around its constructor.
void debug_construct(cache& c, char* object) noexcept;
void debug_constructed(cache& c, char* object) noexcept;
bool debug_before_alloc(cache& c, slab& s, char* object,
                        const void* site) noexcept;  // true: live; false: damaged, leaked
bool debug_before_free(cache& c, slab& s, char* object,
                       const void* site) noexcept;  // false: damaged, leaked
// Free from now on, though not in its slab yet. Poison: no reader can hold it.
void debug_after_reclaim(cache& c, char* object) noexcept;
// Before and after their destructor runs, as code of the program.
void debug_destroy(cache& c, void* const* objects, std::uint32_t n) noexcept;
void debug_destroyed(cache& c) noexcept;
void debug_wait_ended(const cache& c) noexcept;  // for all of those so far
void debug_wait_ended() noexcept;                // of any cache
int debug_validate(cache& c) noexcept;  // damaged objects, each reported; beside busy threads too
// Where an object was allocated, and freed or retired last, as ids of stacks. 0: not kept.
struct object_stacks {
  std::uint32_t allocated = 0, given_back = 0;
  bool known() const noexcept { return (allocated | given_back) != 0; }
};
object_stacks debug_stacks_of(slab& s, std::uint32_t index) noexcept;
// "; allocated at ...; freed or retired at ..." with stacks, when they are kept. Returns the length
// written. Reads files: not under a lock that others wait for.
std::size_t debug_describe_stacks(const object_stacks& stacks, char* text,
                                  std::size_t bytes) noexcept;

// ---- kmalloc under a sanitizer: what is allowed is what was asked for ----

using kmalloc_function = void*(std::size_t size, unsigned gfp, const void* site) noexcept;
void* debug_kmalloc(kmalloc_function* plain, std::size_t size, unsigned gfp,
                    const void* site) noexcept;
void resize_slowly(const void* object, std::size_t size) noexcept;
inline void debug_resize(const void* object, std::size_t size) noexcept {
  if (os::sanitized_by(os::knows_memory)) resize_slowly(object, size);
}
inline constexpr std::size_t debug_whole = ~std::size_t{0};  // all that may be used of it

}  // namespace graceslab::slab
