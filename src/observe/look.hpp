// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One row for each domain and each cache: what gs_dump_caches() prints and the serving thread
// sends. Nothing is waited for beyond a few tries of a lock.
#pragma once
#include <graceslab/detail/observe.h>

#include "slab/cache.hpp"

namespace graceslab::observe {

gs_observe_head head_of(gs_observe_kind kind, std::size_t bytes) noexcept;

// How often a lock is tried that somebody has, with a nap of that length in between. A handler that
// interrupted its holder tries once: waiting would be for itself.
struct patience {
  unsigned tries;
  std::uint64_t nap_us;
};
inline constexpr patience for_dump = {20, 50}, for_tool = {200, 250};

// False: it is gone. It is lent to us meanwhile; that takes no lock but where it is just ending.
bool look_at_domain(gs_domain* d, patience p, gs_observe_domain* out) noexcept;
// False: no cache stands there.
bool look_at_cache(slab::cache& c, patience p, gs_observe_cache* out) noexcept;
const char* stage_name(std::uint32_t stage) noexcept;

}  // namespace graceslab::observe
