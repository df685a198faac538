// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// graceslab through the kernel's names: a call into the shared library for each operation.
#include <graceslab/kernel/slab.h>

#include "allocation.hpp"

namespace {

template <std::size_t size>
struct called {
  static inline kmem_cache* cache;
  static void begin() {
    if (cache == nullptr) cache = kmem_cache_create("bench", size, 0, BENCH_CACHE_FLAGS, nullptr);
  }
  static void* get() { return kmem_cache_alloc(cache, GFP_KERNEL); }
  static void put(void* p) { kmem_cache_free(cache, p); }
};

// A cache that comes after many others.
struct far : called<64> {
  static void begin() {
    if (cache != nullptr) return;
    for (unsigned i = 0; i != GS_TLS_CACHES; ++i)
      (void)kmem_cache_create("one of many", 64, 0, 0, nullptr);
    called::begin();
  }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_allocation<called>(*into);
  into->workloads["alloc_far"] = graceslab::bench::play_pair<far>;
}
