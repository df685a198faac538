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
// Asks another thread for its stack through the real-time signal (GRACESLAB_STACK_SIGNAL, 0 = off);
// waits up to 100 ms.
bool stack_of_thread(std::uint32_t tid, stack* out) noexcept;
// "symbol+0x12 (module+0x3456)" of one address; returns the length written.
std::size_t describe_address(const void* address, char* text, std::size_t bytes) noexcept;
// One line per frame, "\n    #0 ..." each.
std::size_t describe_stack(const stack& frames, char* text, std::size_t bytes) noexcept;

// A named, deduplicated stack: symbols are resolved when first seen. 0 = none.
std::uint32_t stack_id(const stack& frames) noexcept;
std::size_t describe_stack_id(std::uint32_t id, char* text, std::size_t bytes) noexcept;
// A module was unloaded: its addresses may soon mean something else, so known stacks are named anew
// when seen again.
void forget_stack_names() noexcept;

}  // namespace graceslab::os
