// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Call stacks: taken cheaply, and named though the module may be unloaded when the report is made.
#pragma once
#include <cstddef>
#include <cstdint>

namespace graceslab::os {

inline constexpr unsigned stack_depth = 16;

struct stack {
  unsigned depth = 0;
  void* frame[stack_depth] = {};
};

stack capture_stack(unsigned skip) noexcept;
// The part of it that begins where a call returns to `site`; the whole, where that is not found.
stack stack_since(const void* site) noexcept;

// In a signal handler, from its context: the interrupted instruction, and its callers
// (stack_interrupted.cpp).
stack stack_interrupted(void* context) noexcept;

// Another thread's stack, as far as it can be had without disturbing it (stack_ask.cpp).
struct thread_stack {
  stack frames;  // blocked: the instruction, then what looks like return addresses; may be empty
  bool blocked = false;  // in the kernel: no signal was sent
  long call = -1;        // blocked: the system call, -1: none, or out of sight
};
// A thread that computes is asked through the real-time signal (GRACESLAB_STACK_SIGNAL, 0 = off).
// Takes up to 200 ms.
thread_stack look_at_thread(std::uint32_t tid) noexcept;
// Its frames alone; false when there are none.
inline bool stack_of_thread(std::uint32_t tid, stack* out) noexcept {
  *out = look_at_thread(tid).frames;
  return out->depth != 0;
}
// The same in words: "\n    blocked in system call 7; ..." if so, then one line per frame.
std::size_t describe_thread(std::uint32_t tid, char* text, std::size_t bytes) noexcept;

// "function+0x12 (module+0x3456 build-id)" of where a call returns to; returns the length written.
// A function that is not exported is looked for in the module's file, once: a millisecond or more.
std::size_t describe_address(const void* address, char* text, std::size_t bytes) noexcept;
// The same of a function, by where it begins.
std::size_t describe_function(const void* address, char* text, std::size_t bytes) noexcept;
// One line per frame, "\n    #0 ..." each.
std::size_t describe_stack(const stack& frames, char* text, std::size_t bytes) noexcept;

// A deduplicated stack. What can be known of its places only while their modules are loaded is
// found when it is first seen, and the rest when it is described (os/place.hpp). 0 = none.
std::uint32_t stack_id(const stack& frames) noexcept;
std::size_t describe_stack_id(std::uint32_t id, char* text, std::size_t bytes) noexcept;
// The first `most` frames alone, "a < b < c".
std::size_t describe_calls(std::uint32_t id, unsigned most, char* text, std::size_t bytes) noexcept;
// The module around `inside` is unloaded: known stacks get their names now, and as its addresses
// may soon mean something else, they are known stacks no more when seen again.
void forget_stack_names(const void* inside) noexcept;

}  // namespace graceslab::os
