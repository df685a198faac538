// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the library's own threads are like: stack, CPUs, scheduling class.
//
// Ours is a thread of the process, not of who happens to start it: the main thread's CPU mask, and
// the normal class, unless the settings ask for others.
#pragma once
#include <pthread.h>

namespace graceslab::os {

// From the first to the last, as long as the system refuses: a thread like its creator is better
// than none.
struct thread_shape {
  bool stack;                                      // of the size that is set
  enum whose { settings, process, creator } like;  // CPUs and class
};
inline constexpr thread_shape thread_shapes[] = {
    // A program with much static thread-local storage leaves no room in a small stack.
    {true, thread_shape::settings}, {false, thread_shape::settings}, {true, thread_shape::process},
    {false, thread_shape::process}, {false, thread_shape::creator},
};

bool shape_is_set() noexcept;  // the settings ask for CPUs or a class
bool give_shape(pthread_attr_t* attributes, const thread_shape& shape) noexcept;
void report_shape_refused() noexcept;  // once

}  // namespace graceslab::os
