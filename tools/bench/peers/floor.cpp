// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// No allocator at all: objects from a ring that nobody frees. What a workload costs by itself, and
// no allocator can save.
#include "allocation.hpp"

namespace {

template <std::size_t size>
struct ring {
  static constexpr std::size_t objects = 8192;
  static inline char* memory;
  static inline std::size_t next;
  static void begin() {
    if (memory == nullptr) memory = static_cast<char*>(std::calloc(objects, size));
  }
  static void* get() { return memory + size * (next++ % objects); }
  static void put(void*) {}
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  using namespace graceslab::bench;
  offer_allocation<ring>(*into);
  into->workloads.erase("memory");         // it has none to speak of
  into->workloads.erase("alloc_replace");  // a million live objects are more than it has
}
