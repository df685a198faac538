// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects beyond the size classes: each a run of granules of its own, in one internal cache.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::slab {

cache* large_cache() noexcept;  // nullptr without memory
void* large_alloc(std::size_t bytes) noexcept;
// Ends a run: live (free) or past its grace period (retired).
void large_free(void* object) noexcept;

}  // namespace graceslab::slab
