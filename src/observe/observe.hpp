// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Looking at everything below; nothing includes this but the exported symbols.
#pragma once
#include "teardown/teardown.hpp"

namespace graceslab::observe {

// Of the cache of `handle`, or of any that stands there (0); stage gone: of none.
void cache_stats(slab::cache& c, gs_cache_stats* out, std::uintptr_t handle = 0) noexcept;
void visit_caches(void (*visit)(const gs_cache_stats*, void*), void* arg) noexcept;
std::size_t why(teardown::cookie k, char* text, std::size_t bytes) noexcept;
bool lookup(const void* pointer, gs_object_info* out) noexcept;
void dump(const void* pointer) noexcept;  // one report

}  // namespace graceslab::observe
