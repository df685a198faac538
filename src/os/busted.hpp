// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Testing the tests: a build with GRACESLAB_BUSTED defined misbehaves as GRACESLAB_BUSTED=FLAW in
// the environment asks, and the test suites must notice. In every other build this is the constant
// false.
#pragma once

namespace graceslab::os {

enum class flaw {
  no_grace_period,        // every cookie is done at once
  barrier_nothing,        // rcu_barrier() returns at once
  cache_barrier_nothing,  // barriers for retired memory return at once
  skip_takeover,          // seizing a thread's arrays does not wait for the thread
  counter_stuck,          // reclaimed objects are not counted
  settle_once,            // unloading runs and waits for what it finds at first, once
  exit_no_deadline,       // the drain at exit ignores its deadline
  keep_slabs,             // empty slabs do not go back to the system
  lying_fence,            // the heavy fence returns without having fenced
  midway_unseen,          // nobody notices that a signal handler interrupted the library
  hazard_skips_slots,     // scans look at three of four hazard pointers
  wide_windows,           // no flaw: between looking a handle up and using it others get the core,
                          // and records are used again at once
};

#ifdef GRACESLAB_BUSTED
bool busted(flaw which) noexcept;
void open_window() noexcept;  // stands where what was looked up may be old when it is used
#else
constexpr bool busted(flaw) noexcept { return false; }
constexpr void open_window() noexcept {}
#endif

}  // namespace graceslab::os
