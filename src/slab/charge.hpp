// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory limits of caches and of domains. What counts is what slabs and page runs take, in whole
// granules, where these are taken and given back: never where objects are.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::slab {

// Who has to give something back before a refused allocation can succeed.
enum class limited { by_process, by_domain, by_cache };

struct refusal {
  limited by = limited::by_process;
  const cache* of = nullptr;
  std::uint64_t bytes = 0;  // asked for
  std::uint64_t used = 0;
  std::uint64_t limit = 0;
  bool for_ever() const noexcept { return by != limited::by_process && bytes > limit; }
};

// False when that exceeds the cache's limit or its domain's; nothing is counted then.
bool charge(cache& c, std::uint64_t bytes) noexcept;
void discharge(cache& c, std::uint64_t bytes) noexcept;
// False when `handle` names no open cache any more.
bool limit_memory(cache& c, std::uintptr_t handle, std::uint64_t bytes) noexcept;
bool read_memory(cache& c, std::uintptr_t handle, gs_memory_use* use) noexcept;
// What charge() said to this thread at last, if that was about this cache.
refusal last_refusal(const cache* c) noexcept;

}  // namespace graceslab::slab
