// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Looking at everything below; nothing includes this but the exported symbols.
#pragma once
#include "teardown/teardown.hpp"

namespace graceslab::observe {

// Of the cache of `handle`, or of any that stands there (0); stage gone: of none.
void cache_stats(slab::cache& c, gs_cache_stats* out, std::uintptr_t handle = 0) noexcept;
void visit_caches(void (*visit)(const gs_cache_stats*, void*), void* arg) noexcept;
std::size_t why(teardown::cookie k, char* text, std::size_t bytes) noexcept;
// The same of the cache of that handle, which may be open (why.cpp).
std::size_t why_handle(slab::cache* c, std::uintptr_t handle, char* text,
                       std::size_t bytes) noexcept;
int dump_caches(int file) noexcept;  // dump.cpp; 0, or a negative error number
// serve.cpp: for the tool. 0, or a negative error number, which is reported.
int start_serving() noexcept;
void stop_serving() noexcept;
bool lookup(const void* pointer, gs_object_info* out) noexcept;
void dump(const void* pointer) noexcept;  // one report

}  // namespace graceslab::observe
