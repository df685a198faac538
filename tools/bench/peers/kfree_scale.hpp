// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The kernel's rcuscale.kfree_rcu_test: each thread allocates 8000 small objects and retires each
// at once, ten times over. A peer is
//   static void enter(), leave();   around a thread's part
//   static void turn();             allocates one object and retires it
//   static void settle();           returns when all is freed
#pragma once
#include <thread>

#include "memory.hpp"
#include "timing.hpp"

namespace graceslab::bench {

struct kfree_scale {
  static constexpr unsigned loops = 10, objects = 8000;
};

template <class P>
void play_kfree_scale(trial& t) {
  auto threads = static_cast<unsigned>(t.number("threads", 1));
  P::enter();
  P::turn();  // starts what it needs, anywhere
  P::settle();
  double before = resident_bytes(), began = now_ns();
  std::vector<std::thread> all;
  for (unsigned i = 0; i != threads; ++i)
    all.emplace_back([&t, i] {
      t.pin(i);
      P::enter();
      for (unsigned n = 0; n != kfree_scale::loops * kfree_scale::objects; ++n) P::turn();
      P::leave();
    });
  for (std::thread& each : all) each.join();
  double retired = now_ns();
  P::settle();
  double freed = now_ns();
  t.figure("us", (freed - began) / 1000 / kfree_scale::loops);
  t.figure("until_retired_us", (retired - began) / 1000 / kfree_scale::loops);
  t.figure("peak_mib", (peak_resident_bytes() - before) / 1048576);
}

}  // namespace graceslab::bench
