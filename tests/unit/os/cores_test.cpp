// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/cores.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <set>
#include <vector>

namespace {

using namespace graceslab;

std::vector<unsigned> numbers(const char* list) {
  std::vector<unsigned> all;
  os::each_in_list(
      list, [](unsigned n, void* to) { static_cast<std::vector<unsigned>*>(to)->push_back(n); },
      &all);
  return all;
}

TEST(Cores, ListsAsTheKernelWritesThem) {
  using v = std::vector<unsigned>;
  EXPECT_EQ(numbers("0"), v({0}));
  EXPECT_EQ(numbers("0-3"), v({0, 1, 2, 3}));
  EXPECT_EQ(numbers("0-1,8,10-11"), v({0, 1, 8, 10, 11}));
  EXPECT_EQ(numbers(""), v());
  EXPECT_EQ(numbers("none"), v());
  EXPECT_EQ(numbers("5-"), v());
  EXPECT_EQ(numbers("3,x"), v({3}));
  EXPECT_EQ(numbers("4-2,7"), v({7}));
  EXPECT_LE(numbers("0-99999999999").size(), 2048u);
}

TEST(Cores, NeighboursShare_EveryShareInRange) {
  os::split_cores(2);
  std::set<unsigned> seen;
  unsigned last = 0;
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  for (unsigned core = 0; core != 2048; ++core) EXPECT_LT(os::share_of_core(core), 2u);
  EXPECT_LT(os::share_of_core(1u << 20), 2u);
  for (unsigned core = 0; core != CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed)) continue;
    unsigned share = os::share_of_core(core);
    EXPECT_GE(share, last) << "neighbours come together";
    seen.insert(share);
    last = share;
  }
  EXPECT_EQ(seen.size(), CPU_COUNT(&allowed) > 1 ? 2u : 1u);
  EXPECT_LT(os::core_share(), 2u);
}

}  // namespace
