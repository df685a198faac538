// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Looking at a domain from outside: nothing is waited for, no fence, no grace period is begun.
#pragma once
#include <cstdint>

struct gs_domain;

namespace graceslab::rcu {

struct section_sight {  // the first of those that hold the oldest grace period back
  std::uint32_t tid = 0;
  std::uint32_t nesting = 0;
  std::uint64_t age_ms = 0;    // at least
  std::uint64_t overflow = 0;  // sections without a slot, of no known thread
};
// Tries its lock once. False: somebody works on the grace periods just now.
bool sight_oldest(gs_domain* d, section_sight* out) noexcept;

std::uint32_t sight_readers(gs_domain* d) noexcept;         // threads inside, as it seems now
std::uint32_t sight_barriers(const gs_domain* d) noexcept;  // threads that wait in one

}  // namespace graceslab::rcu
