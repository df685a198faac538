// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Running user code that is to return: the library's records are on the stack below it, and the
// thread may be a worker's, or somebody's that waits.
//
// - Leaves: by returning. By pthread_exit(): reported, and as if it had returned; so the thread
//   goes on, but to the C library it is one that ends: later calls of setuid() and pthread_cancel()
//   pass it by. A helper's work therefore passes to a new thread, at its next turn. By an
//   exception: the process is terminated where it was thrown.
#pragma once

namespace graceslab::rcu {

// step(arg), with cancellation off by the caller. `function`: what to blame.
void invoke(const void* function, void (*step)(void* arg), void* arg) noexcept;

// This thread has called pthread_exit() in one.
bool left_by_exit() noexcept;

}  // namespace graceslab::rcu
