// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Who allocated, retired and freed an object of a debug cache, with stack, thread and time; and of
// an object of kmalloc, how much was asked for. Kept out of line, one record per object.
#pragma once
#include "slab/slab.hpp"

namespace graceslab::slab {

// The last one takes the place of a free, by whoever found the grace period over.
enum class owned : unsigned { allocated, retired, freed, reclaimed };

struct owner {
  std::uint32_t stack = 0;  // id; 0: not kept
  std::uint32_t tid = 0;    // 0: nobody yet
  std::uint64_t at_ms = 0;
};
struct owners {
  owner by[3];
  // Allocated again since it was retired or freed.
  bool live = false;
  bool known() const noexcept { return (by[0].tid | by[1].tid | by[2].tid) != 0; }
  const owner& of(owned what) const noexcept { return by[static_cast<unsigned>(what)]; }
};
// Written by whoever has the object in hand, under slabs_lock.
struct object_record {
  owner by[3];
  std::uint32_t asked = 0;  // bytes, of a size class; the red zone begins there
};

// How much was asked for, of the objects of a size class.
inline bool debug_keeps_sizes(const cache& c) noexcept {
  return (c.flags & flag_sized) != 0 && (c.flags & flags_debug) != 0;
}
bool debug_keeps_records(const cache& c) noexcept;
void debug_new_records(cache& c, slab& s) noexcept;  // none without memory
void debug_drop_records(slab& s) noexcept;

// This thread, now, and from where it called; nobody where the cache keeps no owners.
owner debug_new_owner(const cache& c, const void* site) noexcept;
// Under slabs_lock, and so are the next two. A free forgets the retire before it, and a retire the
// free.
void debug_set_owner(slab& s, std::uint32_t index, owned what, const owner& by) noexcept;
owners debug_owners_of(slab& s, std::uint32_t index) noexcept;
std::uint32_t debug_asked_of(const cache& c, slab& s, std::uint32_t index) noexcept;

// "\n  allocated by thread 7, 12 ms ago, at" and the stack, and so on: those that are known.
// Returns the length written. Reads files: not under a lock that others wait for.
std::size_t debug_describe_owners(const owners& who, char* text, std::size_t bytes) noexcept;

}  // namespace graceslab::slab
