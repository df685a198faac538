// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The typed cache knows what it holds.
// EXPECT: (cannot convert|invalid conversion|no matching (member )?function)
#include <graceslab/cache.hpp>

void retire(graceslab::cache<long>& cache, long* ours, short* theirs) {
#ifndef GRACESLAB_CONTROL
  cache.retire(theirs);
#else
  (void)theirs;
#endif
  cache.retire(ours);
}
