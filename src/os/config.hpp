// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Settings: one table of environment variables with defaults; read once, settable at run time.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

namespace graceslab::os {

// Loaded atomically: clang takes no scoped enumeration there.
enum exit_policy : int { drain, leave, strict };

enum leaks : int { leaks_auto = -1, leaks_off, leaks_on };

// Each field is GRACESLAB_ and its name in capitals, except on_violation and exit.
// GRACESLAB_DEBUG is in debug_modes.hpp, GRACESLAB_TRACE_FILE in trace.hpp.
struct config {
  int destroy;                     // enum gs_policy: linger, report, wait
  bool abort_on_violation;         // ON_VIOLATION: report, abort
  std::uint64_t stall_ms;          // 21000
  std::uint64_t linger_splat_ms;   // 21000
  exit_policy at_exit;             // EXIT: drain, leave, strict
  std::uint64_t exit_ms;           // 1000
  bool barrier_covers_retire;      // false
  bool owner_protection;           // true
  int stack_signal;                // SIGRTMIN+5; 0 = off
  int fence;                       // enum gs_fence, -1 = choose
  std::uint64_t retire_age_ms;     // 10
  bool lazy;                       // false; true: what comes after a pause waits for more as well
  std::uint64_t park_age_ms;       // 1000
  std::uint64_t callback_batch;    // 10
  std::uint64_t callback_cap_ms;   // 3
  std::uint64_t callback_workers;  // 4 at most
  std::uint64_t retire_threshold;  // 8192 objects
  std::uint64_t pending_limit;     // bytes, of the default domain; 0 = none
  std::uint64_t memory_limit;      // bytes of slabs and runs, of the default domain; 0 = none
  int pressure;                    // enum gs_pressure, of the default domain
  bool background;                 // true; false: callers drive
  std::uint64_t helper_idle_ms;    // 2000; 0: helper threads stay
  std::uint64_t helper_stack;      // bytes
  std::uint64_t helper_priority;   // 0: the normal class; else SCHED_FIFO
  std::uint64_t helper_cpus;       // bit per CPU; 0: those of the main thread
  std::uint64_t depots;            // 0: by the number of cores
  bool sanitizers;                 // auto (true): those in the process are told of objects; off
  int leaks_at_exit;               // enum leaks: auto, off, on
  bool observe;                    // false
  std::uint64_t trace;             // bytes; 0: none, but for a TRACE_FILE (trace.hpp)
  std::uint64_t guard;             // objects per second on a page of their own; 0 = none
};
// Loads are relaxed; fields change only through gs_config_set.
extern config settings;

// Reads the environment; only the first call does. Runs before the constructors of programs.
void load_settings() noexcept;
// As gs_config_items and gs_config_set. A value's text is valid until that variable is set again.
std::size_t config_items(gs_config_item* items, std::size_t n) noexcept;
int set_config(const char* variable, const char* value) noexcept;

}  // namespace graceslab::os
