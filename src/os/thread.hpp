// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Threads: who am I, is that one still there, start a background one.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstdint>

namespace graceslab::os {

std::uint32_t tid() noexcept;                   // cached per thread, right in a forked child
bool thread_alive(std::uint32_t tid) noexcept;  // false only when the system knows no such thread
void thread_name(std::uint32_t tid, char* name, unsigned bytes) noexcept;  // "?" when unknown
unsigned cores_online() noexcept;
void yield() noexcept;
void forget_tid() noexcept;  // in a forked child
// Detached, the program's signals blocked, named, shaped as thread_shape.hpp says. False when
// refused (or GS_FAULT_THREAD).
bool start_thread(const char* name, void (*run)(void* arg), void* arg) noexcept;

// Called on each thread of ours that is started from now on, first and last thing, under no lock.
struct thread_hooks {
  gs_helper_hook started;
  gs_helper_hook ending;
  void* arg;
};
void set_thread_hooks(const thread_hooks& set) noexcept;

using cpu_mask = unsigned long[1024 / sizeof(long)];  // 8192 cores

}  // namespace graceslab::os
