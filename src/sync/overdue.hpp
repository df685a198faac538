// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// User code that does not return: a callback, a destructor, a constructor. It is named, never
// worked around.
//
// - Clock: an invocation's age counts from the first look that found it, so ages are "at least".
// - Reports: at the stall limit, then every three of it; one each, however many look.
// - Context: each layer keeps its invocations under a lock of its own; it looks with that lock, and
//   describes and reports without.
#pragma once
#include <cstddef>
#include <cstdint>

namespace graceslab::sync {

// Of one invocation. Those who look write it, under their lock.
struct overdue_clock {
  std::uint64_t since_ms = 0;  // when it was first seen running; 0: not yet; atomic
  std::uint32_t said = 0;      // reports about it
};

struct overdue {
  const void* func = nullptr;
  std::uint32_t tid = 0;
  std::uint64_t age_ms = 0;
};

std::uint64_t overdue_now_ms() noexcept;  // for these clocks; never 0
// False: it was not seen before, and its clock starts.
bool seen_before(overdue_clock& clock, std::uint64_t now, std::uint64_t* age_ms) noexcept;
// Whether to report an invocation that is that old.
bool report_is_due(overdue_clock& clock, std::uint64_t age_ms) noexcept;
// "constructor f+0x0 (m.so+0x1) of cache 'c' has been running for at least 35 ms in thread 7
// (name)"; `of` comes after the function.
std::size_t describe(const overdue& what, const char* kind, const char* of, char* text,
                     std::size_t bytes) noexcept;

}  // namespace graceslab::sync
