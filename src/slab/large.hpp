// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects beyond the size classes, and those of a class that has no memory for a whole slab: each a
// run of granules of its own, in one internal cache, or mapped on its own where the range has no
// room (outlying.hpp).
//
// A run's descriptor ends with the run, so it is looked at under slabs_lock only, and what is told
// of it is a copy: of two frees that race, one is the free and the other a report.
#pragma once
#include "slab/cache.hpp"
#include "slab/guard.hpp"

namespace graceslab::slab {

cache* large_cache() noexcept;        // nullptr without memory
cache* large_cache_found() noexcept;  // nullptr: not made yet

void* large_alloc(std::size_t bytes, unsigned gfp, const void* site) noexcept;
// Once, and without asking others for memory.
void* large_try(std::size_t bytes) noexcept;

inline constexpr int no_run = -1;  // instead of a state: no run starts there
struct large_run {
  int state = no_run;
  std::size_t bytes = 0;  // that may be used
};
// The run that starts at a pointer.
large_run large_look(const void* object) noexcept;
// Of an object of that cache that is known to be one.
inline std::size_t bytes_of(const cache& c, const void* object) noexcept {
  if (GS_UNLIKELY(is_large(c))) return large_look(object).bytes;
  const slab* s = guard_around(c, object);
  return GS_LIKELY(s == nullptr) ? c.size : guard_bytes(*s);
}
// A live run ends, or is marked as retired; any other is left alone. Tells what it was.
large_run large_free(void* object) noexcept;
large_run large_retire(void* object) noexcept;
// Ends a retired run whose grace period is over, and that is in the caller's hand. Returns its
// bytes.
std::size_t large_end(void* object) noexcept;

// The large cache, if a pointer lies in an outlying run.
cache* outlying_cache(const void* pointer) noexcept;

}  // namespace graceslab::slab
