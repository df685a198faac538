// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One slab: a run of granules cut into objects. Its descriptor, state bytes and free bits lie out
// of line, in one block of metadata: [slab][states ...][bits ...]. All but the state bytes is under
// the cache's slabs_lock. A cache without detection has [slab][bits ...][marks ...]: an object of
// it is free in its slab (bit), marked (mark), marked for the next cookie (both), or elsewhere.
//
// - Equations: 0 <= carved <= objects; free == number of set bits that are no marks; bits and marks
//   are set only below carved.
#pragma once
#include "slab/cache.hpp"
#include "slab/heap.hpp"

namespace graceslab::slab {

struct object_record;

struct slab {
  slab* next;
  slab* previous;
  cache* owner;
  char* start;  // in the range, or beyond it (outlying.hpp)
  std::uint32_t granules;
  std::uint32_t objects;      // that fit
  std::uint32_t carved;       // that exist: [0, carved)
  std::uint32_t free;         // set bits
  std::uint32_t hint;         // word of bits to look at first
  std::uint32_t marked;       // objects in state MARKED, waiting for mark_cookie
  std::uint32_t marked_next;  // objects in state MARKED_NEXT, waiting for the one after
  std::uint32_t populated;    // bytes from the start that were populated
  std::uint64_t mark_cookie;
  slab* next_marked;  // of those with marked objects
  union {
    std::uint64_t cookie;  // type-safe: the grace period after it emptied
    slab* below;           // of an outlying run, which never empties: its place in the registry
  };
  union {
    std::uint64_t emptied_ms;  // of one that is not empty: when something came back; 0: swept since
    slab* above;
  };
  std::uint64_t swept;     // of those in the first word that are free: their own pages went back
  object_record* records;  // per object, of debug caches (debug_owner.hpp); nullptr: none
  slab_list* list;         // which one holds it
  std::uint32_t turn;      // of debug_take(): the object to look at first
  bool guarded;            // one object between guard pages, which `start` is (guard.hpp)
};

inline std::uint8_t* states_of(slab& s) noexcept { return reinterpret_cast<std::uint8_t*>(&s + 1); }
inline slab& slab_of(const gs_granule& g) noexcept {
  return *(reinterpret_cast<slab*>(g.states) - 1);
}
inline std::size_t state_bytes(const cache& c, std::uint32_t objects) noexcept {
  return detects(c) ? (std::size_t{objects} + 1 + 7) & ~std::size_t{7} : 0;
}
inline std::size_t bit_words(std::uint32_t objects) noexcept {
  return (std::size_t{objects} + 63) / 64;
}
inline std::uint64_t* bits_of(slab& s) noexcept {
  return reinterpret_cast<std::uint64_t*>(states_of(s) + state_bytes(*s.owner, s.objects));
}
inline std::uint64_t* marks_of(slab& s) noexcept {  // of a cache without detection
  return bits_of(s) + bit_words(s.objects);
}
// Where the free bits of 64 objects are set and mean free.
inline std::uint64_t free_word(slab& s, std::uint32_t word) noexcept {
  return detects(*s.owner) ? bits_of(s)[word] : bits_of(s)[word] & ~marks_of(s)[word];
}
inline char* start_of(const slab& s) noexcept { return s.start; }
inline std::size_t whole_bytes(const slab& s) noexcept {
  return std::size_t{s.granules} << GS_GRANULE_SHIFT;
}
// Objects of a power of two beyond a granule are multiples of themselves.
inline std::uint32_t slab_align(const cache& c) noexcept {
  const bool power = (c.stride & (c.stride - 1)) == 0;
  return power && c.stride > granule_bytes ? c.stride >> GS_GRANULE_SHIFT : 1;
}
inline bool holds(const slab& s, const void* object) noexcept {
  auto offset = static_cast<std::size_t>(static_cast<const char*>(object) - start_of(s));
  return offset < whole_bytes(s);
}
inline char* object_at(const slab& s, std::uint32_t index) noexcept {
  return start_of(s) + std::size_t{index} * s.owner->stride;
}
inline std::uint32_t index_of(const slab& s, const void* object) noexcept {
  auto offset = static_cast<std::uint64_t>(static_cast<const char*>(object) - start_of(s));
  return static_cast<std::uint32_t>(gs_wide{offset} * s.owner->inverse >> 64);
}

// What is known of an object. Without detection: FREE in its slab, MARKED, MARKED_NEXT, or LIVE for
// any other, parked and retired ones among them. Under slabs_lock, and so is the next.
std::uint8_t state_of(slab& s, std::uint32_t index) noexcept;
// Without detection only the marks change; FREE is said by the free bit.
void set_state(slab& s, std::uint32_t index, std::uint8_t state) noexcept;

// To be called after something was parked, in an array or an empty slab: the background thread will
// look after it. Not under a lock.
void touch(cache& c) noexcept;
// Takes up to n free objects, from partial slabs first, then by carving, then from a new slab.
// Their states stay FREE. The system is asked with no lock held, and then fewer are taken: those of
// one slab (docs/ordering/growth.md).
// None when `handle` names no open cache any more. With a constructor, only those that it was
// called for: construct() makes more.
std::uint32_t take_objects(cache& c, std::uintptr_t handle, void** out, std::uint32_t n) noexcept;
// Pages that objects were taken from and that are to be populated, without a lock.
struct ahead {
  char* start = nullptr;
  std::size_t bytes = 0;
};
void populate(const ahead& pages) noexcept;
// Objects that were never constructed, of one slab; under slabs_lock. 0: it takes a new slab.
std::uint32_t take_unborn(cache& c, void** out, std::uint32_t n, ahead* populate) noexcept;
// A new slab for `use`, which is called under slabs_lock: before it is there, since others may have
// brought something meanwhile, and if that says false once more after. Nothing is used without
// memory, or when `handle` names no open cache any more.
void grow(cache& c, std::uintptr_t handle, bool (*use)(cache&, void*), void* arg) noexcept;
bool has_free_objects(cache& c) noexcept;  // in its slabs
// Puts free objects back into their slabs. Emptied slabs wait on empty_slabs (type-safe:
// quarantined) until somebody releases them: touch().
void return_objects(cache& c, void* const* objects, std::uint32_t n) noexcept;
// Type-safe slabs whose grace period is over become plain empty ones, which may leave the type;
// their own cache allocates from either.
void settle_quarantine(cache& c) noexcept;
std::uint64_t newest_quarantine(cache& c) noexcept;  // cookie; 0 = none waits
std::uint64_t newest_mark(cache& c) noexcept;        // of marked objects; 0 = none waits
std::uint64_t oldest_mark(cache& c) noexcept;
inline std::uint64_t marked_objects(const cache& c) noexcept {  // without a lock, hence not exact
  return gs_load_relaxed(&c.marked);
}
// Gives the pages of empty slabs that emptied at or before `limit_ms` back to the system, without a
// lock. Returns how many slabs. A cache that is not open keeps them for its end.
std::uint32_t release_empty_slabs(cache& c, std::uint64_t limit_ms) noexcept;
// In slabs that nothing came back to since `limit_ms`: the pages that only free objects lie on,
// where these are large enough and nothing says what is in them (sweep.cpp).
bool has_free_pages(const cache& c) noexcept;  // whether it ever has such
// Of pages that hold memory, as far as we know: those of a large run, and of a cache's first slab
// from its first array on, count before they are touched.
std::uint64_t resident_bytes(const slab& s) noexcept;
// Around what changes them, under slabs_lock.
template <class F>
void change_resident(cache& c, slab& s, F change) noexcept {
  c.resident_bytes -= resident_bytes(s);
  change();
  c.resident_bytes += resident_bytes(s);
}
void discard_free_pages(cache& c, std::uint64_t limit_ms) noexcept;
std::uint64_t oldest_emptied_ms(cache& c) noexcept;  // of the empty slabs; 0 = there are none
// Unmaps every slab of a cache whose objects are all home.
void release_all_slabs(cache& c) noexcept;

// Retiring without an array: by state byte.
void mark_retired(cache& c, void* object) noexcept;
// The first half: the caller calls hooks.deferred(c, 1, depth) afterwards, with nothing in hand.
std::uint64_t mark(cache& c, void* object) noexcept;
// Takes out up to n marked objects whose cookie is done; the caller runs destructors and returns
// them.
std::uint32_t gather_marked(cache& c, void** out, std::uint32_t n) noexcept;

// At a multiple of `align` granules, on no list, and an outlying one not in its registry: with or
// without slabs_lock.
slab* new_slab(cache& c, std::uint32_t granules, std::uint32_t objects,
               std::uint32_t align = 1) noexcept;
// The opposite, off its list, in two steps: under slabs_lock, so that nobody finds it any more; and
// without, since it asks the system.
void unmake_slab(cache& c, slab& s) noexcept;
void give_back_slab(cache& c, slab& s) noexcept;
void file_emptied(cache& c, slab& s) noexcept;  // under slabs_lock, when the last object came home
void list_add(slab_list& l, slab& s) noexcept;
void list_remove(slab& s) noexcept;

}  // namespace graceslab::slab
