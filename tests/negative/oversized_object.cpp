// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C3: a cache object has at most 1 MiB. EXPECT: objects up to 1 MiB
#include <graceslab/cache.hpp>

#ifndef GRACESLAB_CONTROL
constexpr std::size_t bytes = (1 << 20) + 1;
#else
constexpr std::size_t bytes = 1 << 20;
#endif
struct large {
  char byte[bytes];
};

void create() { graceslab::cache<large> cache("large"); }
