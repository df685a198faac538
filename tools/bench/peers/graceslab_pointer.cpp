// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// graceslab through kmalloc and kfree: the free knows nothing but the pointer.
#include <graceslab/kernel/slab.h>

#include "allocation.hpp"

namespace {

template <std::size_t size>
struct by_pointer {
  static void begin() {}
  static void* get() { return kmalloc(size, GFP_KERNEL); }
  static void put(void* p) { kfree(p); }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_allocation<by_pointer>(*into);
  graceslab::bench::offer_middle<by_pointer>(*into);
  into->workloads["realloc_grow"] = [](graceslab::bench::trial& t) {
    graceslab::bench::play_grow(
        t, [](void* p, std::size_t bytes) { return krealloc(p, bytes, GFP_KERNEL); },
        [](void* p) { kfree(p); });
  };
}
