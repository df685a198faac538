// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A callback or a destructor that does not return (sync/overdue.hpp).
//
// - Looks: look_for_stuck() of rcu.hpp.
// - Context: whoever waits for callbacks looks, and the worker that leads as long as others run
//   some; reports hold no lock.
#pragma once
#include <cstddef>
#include <cstdint>

struct gs_domain;

namespace graceslab::rcu {

// For whoever gives up waiting for a domain: the callback of it that another thread has run for
// longest, with its stack, for which that thread is asked. 0 = none.
enum class running_stack { left_out, told };
std::size_t describe_running(gs_domain* d, running_stack stack, char* text,
                             std::size_t bytes) noexcept;

}  // namespace graceslab::rcu
