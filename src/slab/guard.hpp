// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sampled objects (GRACESLAB_GUARD): each stands alone on a page between pages that nobody may
// touch, and when it is free, or its grace period over, nobody may touch its own page either.
//
// - A slot is a run of granules with a slab descriptor of one object. While the object is out, the
//   heap's map names its cache there; `start` is the object and not the run, and the state bytes
//   that the fast paths find by the run's offset are those of free objects: all that is done with
//   the object comes out of line.
// - It counts as carved in its cache, from when it is handed out until it is home; it never stands
//   in an array. Its slab is on the list `guarded` meanwhile.
// - Slots that are home rest, and the one that rested longest is used next, when there are
//   guard_slots of them.
// - Not sampled: caches with a constructor, type-safe ones, those without detection or with debug
//   flags, objects larger than a page; nothing where a sanitizer is.
// - Page: docs/decisions/0022-guard-pages.md
#pragma once
#include "os/config.hpp"
#include "slab/debug_owner.hpp"

namespace graceslab::slab {

inline constexpr unsigned guard_slots = 255;

// An object of `size` bytes, zeroed if `gfp` says so. nullptr: this one is not sampled.
void* guard_sample(cache& c, std::uintptr_t handle, std::size_t size, unsigned gfp,
                   const void* site) noexcept;
inline void* guard_alloc(cache& c, std::uintptr_t handle, std::size_t size, unsigned gfp,
                         const void* site) noexcept {
  return GS_LIKELY(gs_load_relaxed(&os::settings.guard) == 0)
             ? nullptr
             : guard_sample(c, handle, size, gfp, site);
}

extern std::uint32_t guards_made;  // slots; atomic

// The slab of the guarded object of that cache that is, or lies around, `pointer`.
slab* guard_slowly(const cache& c, const void* pointer) noexcept;
inline slab* guard_around(const cache& c, const void* pointer) noexcept {
  return GS_LIKELY(gs_load_relaxed(&guards_made) == 0) ? nullptr : guard_slowly(c, pointer);
}
// Where the state of an object of that cache stands; nullptr when none starts there.
inline std::uint8_t* state_at(const cache& c, const void* object) noexcept {
  if (slab* s = guard_around(c, object); GS_UNLIKELY(s != nullptr))
    return s->start == object ? states_of(*s) : nullptr;
  return gs_state_of(object, c.id, 0, c.inverse);
}
std::size_t guard_bytes(const slab& s) noexcept;  // that may be used

// Of a live one that is freed or retired. False: another thread was faster; nothing is done. What
// was written beside it is reported.
bool guard_before_give(cache& c, slab& s, owned what, const void* site) noexcept;
// Of those whose grace period is over: the same. Not under a lock, nor in anybody's hand.
void guard_reclaim(cache& c, void* const* objects, std::uint32_t n) noexcept;
// It leaves its cache and rests.
void guard_home(cache& c, slab& s) noexcept;
// A free object of the cache comes home.
void return_one(cache& c, void* object) noexcept;
// The same for many; guarded ones are taken out, and how many others there are is returned.
std::uint32_t return_guarded(cache& c, void** objects, std::uint32_t n) noexcept;

// Whether `object` is one that is home; it is then reported as freed, or retired, twice.
bool report_guarded(const void* object, const char* operation, const void* site) noexcept;

void guard_lock_for_fork() noexcept;
void guard_unlock_after_fork(bool child) noexcept;

}  // namespace graceslab::slab
