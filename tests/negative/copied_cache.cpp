// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two owners would both destroy it. EXPECT: deleted
#include <graceslab/cache.hpp>

void copy(graceslab::cache<long>& cache) {
#ifndef GRACESLAB_CONTROL
  graceslab::cache<long> second(cache);
#else
  cache.shrink();
#endif
}
