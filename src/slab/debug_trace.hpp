// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One line for each thing that happens to an object of a cache with SLAB_TRACE.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::slab {

void trace_slowly(const cache& c, const char* event, const void* object, std::size_t bytes,
                  const void* site) noexcept;
// `site` nullptr: no code of the program. Not under a lock, and with nothing in hand.
inline void debug_trace(const cache& c, const char* event, const void* object, std::size_t bytes,
                        const void* site) noexcept {
  if (GS_UNLIKELY((c.flags & flag_trace) != 0)) trace_slowly(c, event, object, bytes, site);
}

}  // namespace graceslab::slab
