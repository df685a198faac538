// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The legal moves of a cache's stage: docs/ordering/teardown.md, compared with it by a test.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::teardown {

struct legal_move {
  gs_stage from, to;
};
inline constexpr legal_move legal_moves[] = {
    {GS_STAGE_OPEN, GS_STAGE_CLOSING},
    {GS_STAGE_CLOSING, GS_STAGE_DRAINING},
    {GS_STAGE_DRAINING, GS_STAGE_GONE},
    {GS_STAGE_GONE, GS_STAGE_OPEN},
};

constexpr bool is_legal(gs_stage from, gs_stage to) noexcept {
  for (const legal_move& m : legal_moves)
    if (m.from == from && m.to == to) return true;
  return false;
}

// False when the cache was not in `From`: somebody else moved it.
template <gs_stage From, gs_stage To>
bool move(slab::cache& c) noexcept {
  static_assert(is_legal(From, To));
  std::uint32_t from = From;
  return gs_compare_exchange(&c.stage, &from, std::uint32_t{To});
}

}  // namespace graceslab::teardown
