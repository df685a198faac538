// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Cores and who is near whom: a number of shares, each for a few neighbouring cores of one memory
// node.
#pragma once
#include <cstdint>

namespace graceslab::os {

// From now on there are so many shares, at most 255. Once, before the first question.
void split_cores(unsigned shares) noexcept;
// The share of the core that runs us; a moment later it may be another.
unsigned core_share() noexcept;
// The share of a core, for tests and tables.
unsigned share_of_core(unsigned core) noexcept;

// The numbers of a list as the kernel writes them, "0-3,8,10-11", each to `take`. Stops at what is
// no list.
void each_in_list(const char* list, void (*take)(unsigned number, void*), void* arg) noexcept;

}  // namespace graceslab::os
