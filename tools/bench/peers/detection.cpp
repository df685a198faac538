// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What it costs to look for misuse: the same pair with a cache that looks (the default) and with
// one that does not, freed with the cache given or by the pointer alone.
#include <graceslab/kernel/slab.h>

#include "allocation.hpp"

namespace {

using namespace graceslab::bench;

kmem_cache* cache;

struct given {
  static void begin() { cache = kmem_cache_create("bench", 64, 0, BENCH_CACHE_FLAGS, nullptr); }
  static void* get() { return kmem_cache_alloc(cache, GFP_KERNEL); }
  static void put(void* p) { kmem_cache_free(cache, p); }
};
struct by_pointer : given {
  static void put(void* p) { kfree(p); }
};

}  // namespace

void graceslab_bench_peer(peer* into) {
  into->workloads["detection"] = [](trial& t) {
    t.text("free") == "pointer" ? play_pair<by_pointer>(t) : play_pair<given>(t);
  };
}
