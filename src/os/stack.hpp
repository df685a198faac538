// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Call stacks: taken cheaply, named early (the module may be unloaded when the report is made).
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

// "symbol+0x12 (module+0x3456)" of one address; returns the length written.
std::size_t describe_address(const void* address, char* text, std::size_t bytes) noexcept;
// The same, and of a function that is not exported too, out of its file: for the one that is
// blamed, for it takes a millisecond or more.
std::size_t describe_function(const void* address, char* text, std::size_t bytes) noexcept;
// One line per frame, "\n    #0 ..." each.
std::size_t describe_stack(const stack& frames, char* text, std::size_t bytes) noexcept;

// A named, deduplicated stack: symbols are resolved when first seen. 0 = none.
std::uint32_t stack_id(const stack& frames) noexcept;
std::size_t describe_stack_id(std::uint32_t id, char* text, std::size_t bytes) noexcept;
// A module was unloaded: its addresses may soon mean something else, so known stacks are named anew
// when seen again.
void forget_stack_names() noexcept;

}  // namespace graceslab::os
