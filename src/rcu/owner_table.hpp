// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The records of owners, for owner.cpp and unload.cpp.
#pragma once
#include "rcu/owner.hpp"
#include "rcu/whose.hpp"

struct gs_owner {
  gs_owner* next;
  void* token;  // the dso handle, or the record itself; nullptr: not in use
  graceslab::os::span object;
  std::uint32_t closing;  // how many settle it and let nothing more in
  unsigned long refused;  // posts that came while closing and could not be run
  char name[160];
};

namespace graceslab::rcu {

gs_owner* find_owner(const void* token) noexcept;
// nullptr: it is there already, or there is no memory. `token` nullptr: the record itself.
gs_owner* add_owner(void* token, const char* name) noexcept;
void remove_owner(gs_owner* o) noexcept;
whose work_of(const gs_owner* o) noexcept;
void close_owner(gs_owner* o) noexcept;
void reopen_owner(gs_owner* o) noexcept;
unsigned long refused_by(gs_owner* o) noexcept;

// What settling an owner came to.
struct settled {
  unsigned long waited = 0;   // rounds in which something was pending
  unsigned long dropped = 0;  // taken out of the queue without being run
  unsigned long refused = 0;
};
enum class occasion {
  asked,    // by the program
  leaving,  // a module goes; its static objects live, and its caches with them
  unloaded  // they are dead, and so are its caches
};
settled settle(gs_owner* o, occasion why) noexcept;

}  // namespace graceslab::rcu
