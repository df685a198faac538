// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// graceslab through its typed cache, whose fast path is inlined.
#include <graceslab/kernel/slab.h>

#include <graceslab/cache.hpp>

#include "allocation.hpp"

namespace {

template <std::size_t size>
struct typed {
  struct object {
    object() noexcept {}  // as malloc: what the object holds is up to its user
    std::uint64_t word[size / 8];
  };
  static inline graceslab::cache<object>* cache;
  static void begin() {
    if (cache == nullptr)
      cache = new graceslab::cache<object>("bench", {.flags = BENCH_CACHE_FLAGS});
  }
  static void* get() { return cache->try_make(); }
  static void put(void* p) { cache->release(static_cast<object*>(p)); }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_allocation<typed>(*into);
}
