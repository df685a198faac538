// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What every static object of the program does in its constructor and destructor.
#pragma once
#include <unistd.h>

#include <cstring>
#include <graceslab/teardown.hpp>

struct payload {
  rcu_head head;
  long value;
};

inline void say(const char* what) {
  [[maybe_unused]] ssize_t n = write(STDOUT_FILENO, what, std::strlen(what));
  n = write(STDOUT_FILENO, "\n", 1);
}

// Reads, posts, retires, waits, destroys: all of it must work before main and after it.
inline void use_everything(const char* who, const char* cache_name) {
  graceslab::cache<payload> mine(cache_name);
  {
    graceslab::rcu_reader section;
    mine.retire(mine.make());
  }
  static unsigned ran;
  static rcu_head heads[64];
  static unsigned used;
  rcu_head* head = &heads[used++];
  const unsigned before = gs_load_relaxed(&ran);
  gs_call_rcu(
      nullptr, head, [](rcu_head*) { gs_fetch_add(&ran, 1u); }, gs_this_module());
  graceslab::rcu_barrier();
  graceslab::retire_barrier();
  if (gs_load_relaxed(&ran) == before + 1) say(who);
}

struct user {
  const char* name;
  explicit user(const char* n) : name(n) { use_everything(name, "constructed"); }
  ~user() { use_everything(name, "destroyed"); }
};
