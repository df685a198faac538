// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A7, A8, I2: waiting for one cache touches that cache only.
#include <cerrno>

#include "watched.hpp"

namespace {

using namespace watched;

TEST(OneCache, A7_waits_for_every_threads_retires) {
  kmem_cache* s = make_cache("one");
  gate measured;
  std::uint32_t done = 0;
  std::vector<std::thread> running;
  for (int i = 0; i != 6; ++i)
    running.emplace_back([&] {
      retire(take(s, 333));
      gs_fetch_add(&done, 1u);
      measured.pass();  // its arrays stay its own
    });
  ASSERT_TRUE(eventually([&] { return gs_load_acquire(&done) == 6; }));
  kmem_cache_free_barrier(s);
  auto after = stats_of(s);
  EXPECT_EQ(after.retired, 6u * 333);
  EXPECT_EQ(after.reclaimed, 6u * 333);
  measured.open();
  for (auto& t : running) t.join();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(OneCache, A7_returns_at_once_when_nothing_of_it_is_pending) {
  kmem_cache *idle = make_cache("idle"), *busy = make_cache("busy");
  auto all = take(busy, 1000);
  retire(take(idle, 100));
  kvfree_rcu_barrier_on_cache(idle);
  held_reader reader;
  retire(all);
  kmem_cache_free_barrier(idle);  // would hang if it waited for a grace period
  EXPECT_EQ(in_flight(busy), 1000u);
  EXPECT_EQ(kmem_cache_destroy_wait(idle), 0);  // A8: the same
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_wait(busy), 0);
}

TEST(OneCache, A7_the_cache_goes_on) {
  kmem_cache* s = make_cache("goes on");
  for (int i = 0; i != 50; ++i) {
    auto all = take(s, 100);
    retire(all);
    kmem_cache_free_barrier(s);
    EXPECT_EQ(in_flight(s), 0u);
  }
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_OPEN);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Other caches' pending memory is neither collected nor waited for. In a process without a
// background thread, so that nobody else moves it.
TEST(OneCacheDeathTest, A7_I2_other_caches_are_left_as_they_are) {
  alone_with({{"GRACESLAB_BACKGROUND", "0"}});
  EXPECT_EXIT(
      {
        std::vector<kmem_cache*> busy;
        for (int i = 0; i != 100; ++i) {
          busy.push_back(make_cache("busy"));
          retire(take(busy.back(), 50));
        }
        kmem_cache* mine = make_cache("mine");
        auto of_mine = take(mine, 50);
        retire(of_mine);
        const auto before = stats_of(static_cast<gs_domain*>(nullptr));
        kmem_cache_free_barrier(mine);
        const auto after = stats_of(static_cast<gs_domain*>(nullptr));
        EXPECT_EQ(in_flight(mine), 0u);
        for (auto* s : busy) EXPECT_EQ(in_flight(s), 50u);
        EXPECT_EQ(after.reclaimed - before.reclaimed, 50u);  // its own, and no more
        EXPECT_EQ(after.retired - before.retired, 50u);      // no other array was even handed over
        EXPECT_LE(after.started - before.started, 2u);
        EXPECT_EQ(kmem_cache_destroy_wait(mine), 0);
        for (auto* s : busy) EXPECT_EQ(in_flight(s), 50u);
        kfree_rcu_barrier();  // A3 takes them all
        for (auto* s : busy) EXPECT_EQ(in_flight(s), 0u);
        end_alone();
      },
      testing::ExitedWithCode(0), "");
  unsetenv("GRACESLAB_BACKGROUND");
}

TEST(OneCache, A7_I2_the_other_domains_readers_do_not_matter) {
  gs_domain_options options = {"other", 0, 0, 0};
  gs_domain* other = gs_domain_create(&options);
  kmem_cache* s = make_cache("mine");
  retire(take(s, 100));
  held_reader reader(other);
  kmem_cache_free_barrier(s);  // would hang
  EXPECT_EQ(in_flight(s), 0u);
  reader.leave();
  EXPECT_EQ(gs_domain_destroy(other), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(OneCache, A8_is_a_barrier_and_a_destroy) {
  reports caught;
  kmem_cache* s = make_cache("both");
  in_threads(4, [&](int) { retire(take(s, 500)); });
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(OneCache, A8_type_safe_caches_have_their_pages_home) {
  reports caught;
  kmem_cache* s = make_cache("type-safe", SLAB_TYPESAFE_BY_RCU);
  give(s, take(s, 500));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(OneCache, A8_with_live_objects_EBUSY_at_once_and_lingers) {
  reports caught;
  kmem_cache* s = make_cache("busy");
  object* live = take(s);
  auto all = take(s, 10);
  held_reader reader;
  retire(all);
  EXPECT_EQ(kmem_cache_destroy_wait(s), -EBUSY);  // though a reader holds the retired ones back
  EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << caught.everything();
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
  reader.leave();
  kfree(live);
  EXPECT_TRUE(is_gone_soon(s));
}

TEST(OneCache, A8_NULL_and_stale_handles) {
  reports caught;
  EXPECT_EQ(kmem_cache_destroy_wait(nullptr), 0);
  EXPECT_EQ(caught.total(), 0u);
  kmem_cache* s = make_cache("twice");
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  (void)kmem_cache_destroy_wait(s);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
}

// Threads that end while their cache is destroyed hand everything on: nothing is out.
TEST(OneCache, A8_threads_that_end_meanwhile_leave_nothing_behind) {
  reports caught;
  for (int round = 0; round != 300; ++round) {
    kmem_cache* s = make_cache("ending");
    std::uint32_t done = 0;
    std::vector<std::thread> ending;
    for (int i = 0; i != 3; ++i)
      ending.emplace_back([&] {
        auto all = take(s, 20);
        for (std::size_t k = 0; k != all.size(); ++k)
          k % 2 == 0 ? kmem_cache_free(s, all[k]) : gs_retire(all[k]);
        gs_fetch_add(&done, 1u);
      });
    while (gs_load_acquire(&done) != 3) std::this_thread::yield();
    EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
    EXPECT_TRUE(is_gone(s));
    for (auto& t : ending) t.join();
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

}  // namespace
