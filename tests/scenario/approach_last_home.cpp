// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A10: SLAB_DESTROY_ONCE_FULLY_FREED: silent, and complete when the last object comes home by
// whatever way.
#include "watched.hpp"

namespace {

using namespace watched;

class LastHome : public testing::Test {
 protected:
  // Destroys with two objects out and time running on: silence, and the cache lingers.
  void SetUp() override {
    ASSERT_EQ(gs_config_set("GRACESLAB_LINGER_SPLAT_MS", "100"), 0);
    s = make_cache("patient", SLAB_DESTROY_ONCE_FULLY_FREED);
    first = take(s);
    last = take(s);
    kmem_cache_cookie_t k = kmem_cache_destroy_rcu(s);
    cookie = k;
    EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
    EXPECT_EQ(stats_of(s).live, 2u);
    EXPECT_CONTAINS(why(k), "2 objects are allocated");
    EXPECT_CONTAINS(why(k), "without complaint");
    for (int i = 0; i != 10; ++i) still.advance(1000);
    EXPECT_EQ(kmem_cache_destroy_barrier(), 0);  // does not wait for this one
    kfree(first);
    EXPECT_EQ(stats_of(s).live, 1u);
  }
  void TearDown() override {
    EXPECT_TRUE(virtual_clock::until([&] { return is_gone(s); }));
    EXPECT_CONTAINS(why(cookie), "gone");
    EXPECT_EQ(caught.total(), 0u) << caught.everything();
    gs_config_set("GRACESLAB_LINGER_SPLAT_MS", "21000");
  }
  // At once, as a rule; but the background thread may be looking at it just then.
  bool gone_soon() {
    return virtual_clock::until([this] { return is_gone(s); });
  }
  reports caught;
  virtual_clock still;
  kmem_cache* s = nullptr;
  object *first = nullptr, *last = nullptr;
  kmem_cache_cookie_t cookie = 0;
};

TEST_F(LastHome, A10_by_plain_free) {
  kfree(last);
  EXPECT_TRUE(gone_soon());
}

TEST_F(LastHome, A10_by_free_through_the_handle) {
  kmem_cache_free(s, last);
  EXPECT_TRUE(gone_soon());
}

TEST_F(LastHome, A10_by_retire) { kfree_rcu(last, rcu); }

TEST_F(LastHome, A10_by_retire_without_a_head) { kfree_rcu_mightsleep(last); }

TEST_F(LastHome, A10_by_callback) {
  call_rcu(&last->rcu, [](rcu_head* head) { kfree(head); });
  rcu_barrier();
  EXPECT_TRUE(gone_soon());
}

// Whoever drops the last reference, on whatever thread.
TEST_F(LastHome, A10_by_reference_count) {
  last->value[0] = 8;
  in_threads(8, [&](int) {
    if (gs_fetch_sub(&last->value[0], std::uint64_t{1}) == 1) kfree(last);
  });
  EXPECT_TRUE(gone_soon());
}

TEST_F(LastHome, A10_waited_for_by_its_cookie) {
  std::thread later([&] { kfree(last); });
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_TRUE(gone_soon());
  later.join();
}

TEST_F(LastHome, A10_misuse_is_still_found) {
  kfree(first);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_FREE), 1u);
  caught.forget();
  kfree(last);
}

// Two objects that come home at once: exactly one of the two ends the cache.
TEST(LastHomeRace, A10_the_last_two_at_once) {
  reports caught;
  for (int round = 0; round != 500; ++round) {
    kmem_cache* s = make_cache("race", SLAB_DESTROY_ONCE_FULLY_FREED);
    auto all = take(s, 2);
    kmem_cache_destroy(s);
    in_threads(2, [&](int i) { kfree(all[static_cast<std::size_t>(i)]); });
    EXPECT_TRUE(is_gone_soon(s));  // a thread that ends may pass by
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

}  // namespace
