// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One clock for everything that ages: CLOCK_MONOTONIC in ms, or a virtual clock that tests drive.
#pragma once
#include <cstdint>

namespace graceslab::os {

std::uint64_t now_ms() noexcept;
std::uint64_t coarse_ms() noexcept;        // up to a timer tick behind, and cheap: for ages
std::uint64_t now_ns() noexcept;           // real time always: for measuring, never for ageing
std::uint64_t thread_cpu_ns() noexcept;    // that the calling thread has used
void sleep_us(std::uint64_t us) noexcept;  // real time; back-off between polls

// As gs_clock_virtual and gs_clock_advance. Switching never moves the clock backwards.
void set_clock_virtual(bool on) noexcept;
void advance_clock(std::uint64_t ms) noexcept;

// For timed sleeps: whether time stands still, and the futex word that moves with every jump of the
// clock.
bool clock_is_virtual() noexcept;
std::uint32_t* clock_jumps() noexcept;

}  // namespace graceslab::os
