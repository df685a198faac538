// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A routing table: readers never wait, updaters replace, old entries are reclaimed after a grace
// period, and the end of the cache needs no thought.
#include <cstdio>
#include <graceslab/cache.hpp>
#include <thread>
#include <vector>

struct route {
  int hops;
  unsigned gateway;
};

static graceslab::rcu_pointer<route> best;

static long look_up(int times) {
  long hops = 0;
  for (int i = 0; i < times; ++i) {
    graceslab::rcu_reader section;  // about a nanosecond; never blocks, never fails
    hops += best.load()->hops;      // valid until the section ends
  }
  return hops;
}

int main() {
  graceslab::cache<route> routes("routes");
  best.store(routes.make(route{1, 7}));

  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) readers.emplace_back([] { look_up(100000); });
  for (int hops = 2; hops < 10000; ++hops)
    routes.retire(
        best.exchange(routes.make(route{hops, 7})));  // the old one, when no reader has it
  for (std::thread& t : readers) t.join();

  std::printf("the best route has %d hops\n", best.load()->hops);
  routes.retire(best.exchange(nullptr));
  return 0;  // ~cache waits for what is still in flight; a leak would be reported
}
