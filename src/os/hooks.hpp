// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Being told: fork, thread exit, process exit. Layers register once, in their static initialisers,
// by rank.
#pragma once
#include <cstdint>

namespace graceslab::os {

// The ranks of this layer's own locks: above all of sync::rank.
enum : int {
  fork_rank_stacks = 101,
  fork_rank_fence,
  fork_rank_ask,
  fork_rank_start,
  fork_rank_modes,
  fork_rank_trace_file,
  fork_rank_handlers,
  fork_rank_faults,
  fork_rank_trace  // no lock: the child's rings
};

// rank = the lowest lock rank that prepare() takes (sync::rank): prepare() runs by rising rank, so
// that locks are taken in their order; parent() and child() run by falling rank.
struct fork_hooks {
  int rank;
  void (*prepare)();
  void (*parent)();
  void (*child)();
};
// For a child() that wants the library whole: after all locks, hands and dead threads' records.
inline constexpr int after_fork_rank = -1;
void on_fork(const fork_hooks& hooks) noexcept;
// This thread is between the first prepare() and the last parent() or child(): it holds locks of
// every rank.
bool forking() noexcept;

// Runs at process exit, lower ranks first (upper layers), after main's own atexit functions.
void on_process_exit(int rank, void (*run)()) noexcept;
bool process_exiting() noexcept;

// Arms the calling thread: `thread_exit(value)` runs when it ends (again, if re-armed by a later
// destructor).
// False: the C library refused, which is reported; nothing runs then.
bool arm_thread_exit(void* value) noexcept;
void on_thread_exit(void (*run)(void* value)) noexcept;

}  // namespace graceslab::os
