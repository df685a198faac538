// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What guard.cpp and guard_fault.cpp share: one slot, and how it is looked at.
#pragma once
#include "os/memory_fault.hpp"
#include "slab/guard.hpp"

namespace graceslab::slab {

// What a report says of the object that is, or was last, in a slot.
struct guard_story {
  char* object = nullptr;  // nullptr: none was yet
  std::uint32_t bytes = 0;
  bool out = false;  // handed out and not home: its page may be touched
  std::uint32_t cache = 0;
  char cache_name[64] = {};
  gs_domain* domain = nullptr;
  std::uint64_t cookie = 0;  // the grace period that it waited for; 0: it was not retired
};

struct guard_slot {
  guard_slot* next;  // that rests
  char* run;
  std::uint32_t granules;
  std::uint32_t touched;  // bit per page of the run: opened after a fault
  guard_story story;
  object_record record;  // written under the cache's slabs_lock as well
  slab s;                // its states follow, those of a run of the smallest objects
};
static_assert(sizeof(guard_slot) == offsetof(guard_slot, s) + sizeof(slab));

inline guard_slot& slot_of(slab& s) noexcept {
  return *reinterpret_cast<guard_slot*>(reinterpret_cast<char*>(&s) - offsetof(guard_slot, s));
}
inline char* page_of(const guard_slot& g) noexcept { return g.run + os::page_bytes(); }

// What was found of an address in a slot.
struct guard_sight {
  guard_story story;
  owners who;
  char* page;  // that the address is in
  bool known;  // somebody else found it before
};
// For handlers: waits for the lock as long as that is sensible. The page counts as touched from now
// on. False: it is in no slot.
bool guard_touched(const char* address, guard_sight* out) noexcept;
// That of the object which was last at that address, when it is home.
bool guard_resting(const void* object, guard_sight* out) noexcept;

bool guard_fault(const os::memory_fault& fault) noexcept;

// What was written on an object's page beside it.
struct guard_damage {
  std::uint32_t bytes = 0;
  std::ptrdiff_t first = 0;  // offset in the object
  unsigned char found = 0;
};
inline constexpr unsigned char guard_byte = 0xaa;
guard_damage guard_look(slab& s) noexcept;  // and puts it right: each is told once
void report_guard_damage(const cache& c, slab& s, const guard_damage& d, const char* when,
                         const void* site) noexcept;

}  // namespace graceslab::slab
