// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A chain of multiplications, always the same: when its time changes, the machine does.
#include "timing.hpp"

void graceslab_bench_peer(graceslab::bench::peer* into) {
  using namespace graceslab::bench;
  into->workloads["control"] = [](trial& t) {
    t.pin(0);
    std::uint64_t x = 1;
    t.figure("ns", per_turn_ns(t, 2000, [&](std::uint64_t n) {
               for (std::uint64_t i = 0; i != n; ++i) x = x * 6364136223846793005u + 1;
               touched(&x);
             }));
  };
}
