// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// boost::pool, one per process; a lock around it where two threads use it, as it has none.
#include <boost/pool/singleton_pool.hpp>

#include "allocation.hpp"

namespace {

struct tag {};

template <std::size_t size>
struct pooled {
  using pool = boost::singleton_pool<tag, size>;  // with the library's own mutex
  static void begin() {}
  static void* get() { return pool::malloc(); }
  static void put(void* p) { pool::free(p); }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_allocation<pooled>(*into);
}
