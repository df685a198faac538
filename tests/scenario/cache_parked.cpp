// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C5: what is freed does not stay hidden: a hard limit, an age limit, and shrink.
#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::uint64_t sheaf = 64, barn = 10;

TEST(Parked, C5_one_thread_parks_at_most_three_arrays_and_the_barn) {
  virtual_clock still;
  kmem_cache* s = make_cache("bound");
  auto all = take(s, 20'000);
  give(s, all);
  auto after = stats_of(s);
  EXPECT_EQ(after.live, 0u);
  EXPECT_LE(after.parked, 3 * sheaf + barn * sheaf);
  EXPECT_EQ(after.parked + after.free_in_slabs, after.carved);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Parked, C5_many_threads_park_three_arrays_each_and_share_the_barn) {
  virtual_clock still;
  kmem_cache* s = make_cache("many");
  constexpr int threads = 8;
  gate measured;
  std::uint32_t done = 0;
  std::vector<std::thread> running;
  for (int i = 0; i != threads; ++i)
    running.emplace_back([&] {
      give(s, take(s, 3000));
      gs_fetch_add(&done, 1u);
      measured.pass();
    });
  ASSERT_TRUE(eventually([&] { return gs_load_acquire(&done) == threads; }));
  EXPECT_LE(stats_of(s).parked, threads * 3 * sheaf + barn * sheaf);
  measured.open();
  for (auto& t : running) t.join();
  // What a thread had parked is handed on when it ends.
  EXPECT_LE(stats_of(s).parked, barn * sheaf);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Parked, C5_freed_memory_goes_home_after_the_park_age) {
  virtual_clock still;
  kmem_cache* s = make_cache("aged");
  give(s, take(s, 20'000));
  EXPECT_GT(stats_of(s).resident_bytes, 0u);
  EXPECT_TRUE(still.until([&] { return stats_of(s).resident_bytes == 0; }, 600));
  EXPECT_EQ(stats_of(s).parked, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Linux's rcu_free array has no timer: an idle cache there holds its retired objects for ever.
TEST(Parked, C5_retired_memory_goes_home_after_the_park_age) {
  virtual_clock still;
  kmem_cache* s = make_cache("aged-retired");
  retire(take(s, 20'000));
  EXPECT_TRUE(still.until([&] { return in_flight(s) == 0; }));
  EXPECT_TRUE(still.until([&] { return stats_of(s).resident_bytes == 0; }, 600));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Parked, C5_C4_type_safe_pages_go_home_after_the_park_age_and_a_grace_period) {
  virtual_clock still;
  kmem_cache* s = make_cache("aged-type-safe", SLAB_TYPESAFE_BY_RCU);
  give(s, take(s, 20'000));
  EXPECT_TRUE(still.until([&] { return stats_of(s).resident_bytes == 0; }, 600));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// A few retired objects in an array that nobody fills come home by themselves.
TEST(Parked, C5_one_retired_object_comes_home_by_itself) {
  virtual_clock still;
  kmem_cache* s = make_cache("single");
  retire(take(s, 1));
  EXPECT_TRUE(still.until([&] { return in_flight(s) == 0; }));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Objects that were out while their cache was trimmed, and are freed into an idle one.
TEST(Parked, C5_what_is_freed_after_a_long_idle_time_goes_home_too) {
  virtual_clock still;
  kmem_cache* s = make_cache("late");
  auto spare = take(s, 2000);
  auto held = take(s, 500);
  give(s, spare);
  ASSERT_TRUE(still.until([&] { return stats_of(s).parked == 0; }, 600));
  give(s, held);
  EXPECT_GT(stats_of(s).parked, 0u);
  EXPECT_TRUE(still.until([&] { return stats_of(s).resident_bytes == 0; }, 600));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Parked, C5_shrink_empties_every_threads_arrays) {
  virtual_clock still;
  kmem_cache* s = make_cache("shrink");
  gate shrunk;
  std::uint32_t done = 0;
  std::vector<std::thread> running;
  for (int i = 0; i != 3; ++i)
    running.emplace_back([&] {
      give(s, take(s, 150));
      gs_fetch_add(&done, 1u);
      shrunk.pass();
      give(s, take(s, 150));  // and its arrays still work
    });
  ASSERT_TRUE(eventually([&] { return gs_load_acquire(&done) == 3; }));
  EXPECT_EQ(kmem_cache_shrink(s), 0);
  EXPECT_EQ(stats_of(s).parked, 0u);
  EXPECT_EQ(stats_of(s).resident_bytes, 0u);
  shrunk.open();
  for (auto& t : running) t.join();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Allocates and frees several arrays' worth, so that the cache is never idle.
void use(kmem_cache* s) { give(s, take(s, 200)); }
constexpr std::uint64_t in_use = 3 * sheaf + 4 * sheaf;

TEST(Parked, C5_what_a_busy_cache_does_not_use_goes_home_too) {
  virtual_clock still;
  kmem_cache* s = make_cache("busy");
  give(s, take(s, 20'000));
  ASSERT_GT(stats_of(s).parked, in_use);
  EXPECT_TRUE(still.until([&] { return use(s), stats_of(s).parked <= in_use; }));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Parked, C5_what_came_home_to_a_busy_cache_goes_to_its_slabs) {
  virtual_clock still;
  kmem_cache* s = make_cache("busy");
  retire(take(s, 20'000));
  kmem_cache_free_barrier(s);
  ASSERT_GT(stats_of(s).parked, in_use);
  EXPECT_TRUE(still.until([&] { return use(s), stats_of(s).parked <= in_use; }));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// However much a slow reader held back: a hard limit, which does not wait for the parking age.
TEST(Parked, C5_what_a_slow_reader_held_back_is_bounded) {
  constexpr std::uint64_t threshold = 8192;
  virtual_clock still;
  ASSERT_EQ(gs_config_set("GRACESLAB_PARK_AGE_MS", "1000000000"), 0);
  kmem_cache* s = make_cache("held back");
  auto all = take(s, 100'000);
  {
    held_reader reader;
    retire(all);
  }
  EXPECT_TRUE(still.until([&] { return in_flight(s) == 0; }));
  constexpr std::uint64_t most = 2 * threshold + (3 + barn + 1) * sheaf;
  EXPECT_TRUE(still.until([&] { return stats_of(s).parked <= most; }));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  gs_config_set("GRACESLAB_PARK_AGE_MS", "1000");
}

}  // namespace
