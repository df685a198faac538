// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What /proc tells of another thread without disturbing it.
#pragma once
#include <cstdint>

#include "os/stack.hpp"

namespace graceslab::os {

struct thread_sight {
  enum class state { unknown, runs, blocked } now = state::unknown;
  long call = -1;                 // blocked: the system call; -1: in none, or not to be seen
  std::uintptr_t sp = 0, pc = 0;  // blocked in one: where it will return to; 0: not to be seen
};
thread_sight see_thread(std::uint32_t tid) noexcept;
// It computed for a while just now, without going to sleep in between, and is still at it: it is
// about to enter no system call that a signal would break, as far as that can be seen. Takes up to
// 100 ms.
bool thread_computes(std::uint32_t tid) noexcept;
// True when that cannot be seen, too.
bool thread_blocks_signal(std::uint32_t tid, int signal_number) noexcept;
// Of a blocked thread: the instruction, and what looks like return addresses on its stack. It may
// wake and go meanwhile: then the addresses are old, or none.
stack scan_stack(const thread_sight& sight) noexcept;

}  // namespace graceslab::os
