// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// std::pmr::synchronized_pool_resource.
#include <memory_resource>

#include "allocation.hpp"

namespace {

std::pmr::synchronized_pool_resource& pool() {
  static std::pmr::synchronized_pool_resource one;
  return one;
}

template <std::size_t size>
struct pooled {
  static void begin() { (void)pool(); }
  static void* get() { return pool().allocate(size, 16); }
  static void put(void* p) { pool().deallocate(p, size, 16); }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_allocation<pooled>(*into);
}
