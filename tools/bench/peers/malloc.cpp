// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// malloc and free: of glibc, or of whatever library is preloaded.
#include "allocation.hpp"

namespace {

template <std::size_t size>
struct plain {
  static void begin() {}
  static void* get() { return std::malloc(size); }
  static void put(void* p) { std::free(p); }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_allocation<plain>(*into);
}
