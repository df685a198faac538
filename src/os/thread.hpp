// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Threads: who am I, is that one still there, start a background one.
#pragma once
#include <cstdint>

namespace graceslab::os {

std::uint32_t tid() noexcept;                   // cached per thread, right in a forked child
bool thread_alive(std::uint32_t tid) noexcept;  // false only when the system knows no such thread
void thread_name(std::uint32_t tid, char* name, unsigned bytes) noexcept;  // "?" when unknown
unsigned cores_online() noexcept;
void yield() noexcept;
void forget_tid() noexcept;  // in a forked child
// Detached, all signals blocked, small stack, named. False when refused (or GS_FAULT_THREAD).
bool start_thread(const char* name, void (*run)(void* arg), void* arg) noexcept;

}  // namespace graceslab::os
