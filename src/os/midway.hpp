// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Midway: this thread is in the middle of something that it alone can finish. A signal handler that
// runs then and calls exit() or fork() must not wait for any of it. Page: docs/ordering/exit.md
//
// - Enters, leaves: every lock, hands that hold objects (slab/transit.hpp), and what takes several
//   of these to be whole, such as closing a cache; a thread's arrays are looked at when somebody
//   asks, since a pop pays for nothing.
#pragma once
#include <graceslab/detail/atomic.h>

#include <cstdint>

namespace graceslab::os {

extern __thread std::uint32_t midway_depth __attribute__((tls_model("initial-exec")));

// Before the first step, so that no handler comes in between.
inline void enter_midway() noexcept {
  midway_depth = midway_depth + 1;
  gs_light_fence();
}
// After the last one.
inline void leave_midway() noexcept {
  gs_light_fence();
  midway_depth = midway_depth - 1;
}

// As long as it lives.
class midway_scope {
 public:
  midway_scope() noexcept { enter_midway(); }
  ~midway_scope() { leave_midway(); }
  midway_scope(const midway_scope&) = delete;
  midway_scope& operator=(const midway_scope&) = delete;
};

bool is_midway() noexcept;
// What else counts; set once, before use.
void also_midway(bool (*look)() noexcept) noexcept;

}  // namespace graceslab::os
