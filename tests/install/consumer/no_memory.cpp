// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Allocates where there is no memory. Contract C6, G5.
#include <graceslab/cache.hpp>

int main() {
  graceslab::cache<long> numbers("numbers", {.memory_limit_bytes = 1});
  for (;;) (void)numbers.make(1L);
}
