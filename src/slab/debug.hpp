// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The debug flags: poison, red zones, owners with stacks, consistency checks, traces. Caches that
// have any of them keep no arrays; every operation comes through here. So do those of all caches
// where a sanitizer is in the process (os/sanitizer.hpp), which is told of each object.
#pragma once
#include "os/sanitizer.hpp"
#include "slab/debug_damage.hpp"
#include "slab/debug_owner.hpp"
#include "slab/debug_trace.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {

// Page runs have no objects in slabs: of theirs only owners and traces are kept.
inline bool is_debug(const cache& c) noexcept {
  return (c.flags & (flags_debug | flag_watched)) != 0 && !is_large(c);
}

inline bool is_watched(const cache& c) noexcept { return (c.flags & flag_watched) != 0; }

// What becomes of a new cache's flags: those of its name (os/debug_modes.hpp) are added. A
// sanitizer that knows which memory may be touched is told, and the library does not look into that
// memory as well.
unsigned debug_flags(const char* name, unsigned asked_for) noexcept;
// Bytes to leave free behind each object, for an overflow to be found in. 0: none.
std::uint32_t debug_zone_bytes(unsigned flags) noexcept;

void debug_new_slab(cache& c, slab& s) noexcept;
void debug_old_slab(slab& s) noexcept;  // before its pages go back
// Free objects in turn, under slabs_lock: what came back is handed out again as late as can be, so
// that who still uses it is found. Never more than there are.
std::uint32_t debug_take(slab& s, void** out, std::uint32_t n) noexcept;
void debug_new_object(cache& c, char* object) noexcept;  // as it leaves carving
// Around its constructor.
void debug_construct(cache& c, char* object) noexcept;
void debug_constructed(cache& c, char* object) noexcept;
// True: live. False, and so for the next: damaged, reported and left alone for good.
bool debug_before_alloc(cache& c, slab& s, char* object, const void* site) noexcept;
bool debug_before_free(cache& c, slab& s, char* object, owned what, const void* site) noexcept;
void debug_after_free(cache& c, char* object) noexcept;  // though it is not in its slab yet
// Their grace period is over: no reader can hold them. Damaged ones are left alone and are taken
// out; returns how many others there are. In hand; the findings end later, with nothing in hand.
std::uint32_t debug_reclaim(cache& c, void** objects, std::uint32_t n, findings* damaged) noexcept;
// Before and after their destructor runs, as code of the program.
void debug_destroy(cache& c, void* const* objects, std::uint32_t n) noexcept;
void debug_destroyed(cache& c) noexcept;
void debug_wait_ended(const cache& c) noexcept;  // for all of those so far
void debug_wait_ended() noexcept;                // of any cache

// ---- debug_validate.cpp ----
int debug_validate(cache& c) noexcept;  // damaged objects, each reported; beside busy threads too
int debug_validate_all() noexcept;

// ---- kmalloc: what is allowed is what was asked for (debug_kmalloc.cpp) ----

using kmalloc_function = void*(std::size_t size, unsigned gfp, const void* site) noexcept;
// Under a sanitizer.
void* debug_kmalloc(kmalloc_function* plain, std::size_t size, unsigned gfp,
                    const void* site) noexcept;
void note_request(cache& c, const void* object, std::size_t size, const void* site) noexcept;
// An object of kmalloc is out, of a class or a run.
inline void* debug_request(cache& c, void* object, std::size_t size, const void* site) noexcept {
  if (GS_UNLIKELY((c.flags & flags_debug) != 0 && object != nullptr))
    note_request(c, object, size, site);
  return object;
}
// A run is given back; it is not looked at afterwards.
void debug_run_given(cache& c, const void* run, owned what, const void* site) noexcept;
// Of a live object of `usable` bytes: those that were asked for.
std::size_t debug_asked(cache& c, const void* object, std::size_t usable) noexcept;
// From now on so many bytes may be used; `zero`: what is cut off or added reads zero when it may.
// False: something was written beyond what might be, which is left for the free to report.
bool resize_watched(cache& c, const void* object, std::size_t size, bool zero) noexcept;
inline bool resize(cache& c, const void* object, std::size_t size, bool zero) noexcept {
  const bool watched = (c.flags & flags_debug) != 0 || os::sanitized();
  return GS_LIKELY(!watched && !zero) || resize_watched(c, object, size, zero);
}
// A sanitizer is to let the library touch all of it.
void debug_open_all(const void* object) noexcept;
inline void debug_open(const void* object) noexcept {
  if (os::sanitized()) debug_open_all(object);
}

}  // namespace graceslab::slab
