// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What checks the memory and the threads of a program, and is to be told of objects: the run-time
// libraries of ASan, LSan and TSan, and valgrind's memcheck. Found by symbols that are weak here,
// and by a question that valgrind alone answers; decided once, before any cache exists.
#pragma once
#include <graceslab/detail/atomic.h>
#include <graceslab/detail/config.h>

#include <cstddef>

namespace graceslab::os {

enum sanitizer : unsigned {
  sanitizer_address = 1,  // memory that nobody may touch
  sanitizer_leak = 2,     // memory that pointers are looked for in
  sanitizer_thread = 4,   // what happens before what
  sanitizer_memcheck = 8,
  knows_memory = sanitizer_address | sanitizer_memcheck,
};
[[gnu::visibility("hidden")]] extern unsigned sanitizers_here;  // constant after the start

inline bool sanitized_by(unsigned which) noexcept {
  return GS_UNLIKELY((sanitizers_here & which) != 0);
}
inline bool sanitized() noexcept { return GS_UNLIKELY(sanitizers_here != 0); }

// ---- memory: each a no-op where nothing of the kind is here ----

void forbid(const void* start, std::size_t bytes) noexcept;  // nobody may touch it from now on
void allow(const void* start, std::size_t bytes) noexcept;   // again; and it holds something
// The same for an object that is handed out, and one that comes back.
void allow_object(const void* object, std::size_t bytes, bool holds_something) noexcept;
// `keep`: what is in it has to stay.
void forbid_object(const void* object, std::size_t bytes, bool keep) noexcept;
// The library looks into it before anybody wrote there, and knows what to make of that.
void define(const void* start, std::size_t bytes) noexcept;
// Blocks that are reachable from here are no leaks; what is forbidden is passed over, but by LSan
// alone, without ASan: forbid_object() clears the object then.
void add_root(const void* start, std::size_t bytes) noexcept;
void remove_root(const void* start, std::size_t bytes) noexcept;

// ---- threads ----

void hand_over_slowly(const void* at) noexcept;
void take_over_slowly(const void* at) noexcept;
// Whatever this thread did happens before what any other does that takes the same address over
// afterwards. Only a word's address counts, nothing is read.
inline void hand_over(const void* at) noexcept {
  if (sanitized_by(sanitizer_thread)) hand_over_slowly(at);
}
inline void take_over(const void* at) noexcept {
  if (sanitized_by(sanitizer_thread)) take_over_slowly(at);
}

// The C library's functions tell TSan what they touch, for the library too; its own records are
// guarded by locks that TSan does not see. So they are unseen meanwhile.
class unseen {
 public:
  unseen() noexcept {
    if (sanitized_by(sanitizer_thread)) begin();
  }
  ~unseen() {
    if (sanitized_by(sanitizer_thread)) end();
  }
  unseen(const unseen&) = delete;
  unseen& operator=(const unseen&) = delete;

 private:
  static void begin() noexcept;
  static void end() noexcept;
};
// Around code of the program that the library calls, on a thread of its own for one.
class seen_again {
 public:
  seen_again() noexcept {
    if (sanitized_by(sanitizer_thread)) depth_ = end_all();
  }
  ~seen_again() {
    if (sanitized_by(sanitizer_thread)) begin_again(depth_);
  }
  seen_again(const seen_again&) = delete;
  seen_again& operator=(const seen_again&) = delete;

 private:
  static unsigned end_all() noexcept;
  static void begin_again(unsigned depth) noexcept;
  unsigned depth_ = 0;
};

// ---- ASan's reports ----

// Function, file and line of an address, where ASan can tell: it starts a program to look them up.
// False: none.
bool name_address(const void* address, char* text, std::size_t bytes) noexcept;

// `tell` is called at the end of each, with the address that it is about.
void on_address_report(void (*tell)(const void* address)) noexcept;

}  // namespace graceslab::os
