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
  graceslab::bench::offer_middle<plain>(*into);
  into->workloads["realloc_grow"] = [](graceslab::bench::trial& t) {
    graceslab::bench::play_grow(
        t, [](void* p, std::size_t bytes) { return std::realloc(p, bytes); }, std::free);
  };
}
