// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B1: what is retired where nothing else goes on does not grow old first. Where it does, that takes
// an age at least; so one time of many that is shorter shows it, however slow the machine is.
#include <graceslab/kernel/slab.h>

#include <chrono>

#include "../rcu/observed.hpp"

using namespace observed;

namespace {

constexpr int age_ms = 100, rest_ms = 6 * age_ms, tries = 40, patience_ms = 50'000;
std::atomic<int> over{0};

void count_over(void*) { ++over; }

// Of the first that is retired after a rest.
bool is_home_within_an_age(kmem_cache* s) {
  pause_ms(rest_ms);
  const int before = over;
  void* object = kmem_cache_alloc(s, GFP_KERNEL);
  const auto began = std::chrono::steady_clock::now();
  gs_cache_retire(s, object);
  EXPECT_TRUE(within(patience_ms, [&] { return over == before + 1; }));
  return std::chrono::steady_clock::now() - began < std::chrono::milliseconds(age_ms);
}

}  // namespace

TEST(LoneRetire, B1_what_is_retired_comes_home_at_once) {
  ASSERT_EQ(gs_config_set("GRACESLAB_RETIRE_AGE_MS", std::to_string(age_ms).c_str()), 0);
  ASSERT_EQ(gs_config_set("GRACESLAB_LAZY", "0"), 0);
  gs_cache_options options = {};
  options.name = "lone";
  options.size = 64;
  options.dtor = count_over;
  kmem_cache* s = gs_cache_create(&options);
  ASSERT_NE(s, nullptr);
  bool at_once = false;
  for (int i = 0; i != tries && !at_once; ++i) at_once = is_home_within_an_age(s);
  EXPECT_TRUE(at_once);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}
