// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A9: waiting for destroys that linger, all of them or one by its cookie.
#include <cerrno>

#include "watched.hpp"

namespace {

using namespace watched;

TEST(Cookies, A9_barrier_waits_for_all_earlier_ones) {
  reports caught;
  std::vector<kmem_cache*> caches;
  for (int i = 0; i != 50; ++i) {
    caches.push_back(make_cache("many", i % 2 == 0 ? 0 : SLAB_TYPESAFE_BY_RCU));
    retire(take(caches.back(), 100));
    i % 3 == 0 ? kmem_cache_destroy(caches.back()) : (void)kmem_cache_destroy_rcu(caches.back());
  }
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  for (auto* s : caches) EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(Cookies, A9_barrier_does_not_return_before_readers_left) {
  kmem_cache* s = make_cache("held");
  auto all = take(s, 100);
  std::uint32_t returned = 0;
  std::thread waiter;
  {
    held_reader reader;
    retire(all);
    kmem_cache_destroy(s);
    waiter = std::thread([&] {
      EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
      EXPECT_TRUE(is_gone(s));
      gs_store_release(&returned, 1u);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(gs_load_acquire(&returned), 0u);
  }
  waiter.join();
}

TEST(Cookies, A9_open_caches_are_not_waited_for) {
  kmem_cache* s = make_cache("open");
  auto all = take(s, 10);
  held_reader reader;
  retire(all);
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);  // would hang
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Whether a barrier that began before `later` was destroyed returned while that one lingered.
bool barrier_passes_a_later_destroy() {
  kmem_cache *earlier = make_cache("earlier"), *later = make_cache("later");
  object *first = take(earlier), *second = take(later);
  kmem_cache_destroy(earlier);
  std::uint32_t returned = 0;
  std::thread waiter([&] {
    EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
    gs_store_release(&returned, 1u);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it has begun, as a rule
  EXPECT_EQ(gs_load_acquire(&returned), 0u);
  kmem_cache_destroy(later);
  kfree(first);
  for (int ms = 0; ms != 500 && gs_load_acquire(&returned) == 0; ++ms)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const bool passed = gs_load_acquire(&returned) != 0;
  kfree(second);
  waiter.join();
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  return passed;
}

TEST(Cookies, A9_later_destroys_are_not_waited_for) {
  reports caught;
  bool passed = false;
  for (int round = 0; round != 20 && !passed; ++round) passed = barrier_passes_a_later_destroy();
  EXPECT_TRUE(passed);
}

TEST(Cookies, A9_one_waits_for_that_one) {
  kmem_cache *first = make_cache("first"), *second = make_cache("second");
  retire(take(first, 100));
  object* live = take(second);
  kmem_cache_cookie_t a = kmem_cache_destroy_rcu(first);
  kmem_cache_cookie_t b = kmem_cache_destroy_rcu(second);
  EXPECT_NE(a, b);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(a), 0);  // though the other one lingers
  EXPECT_TRUE(is_gone(first));
  EXPECT_EQ(stats_of(second).stage, GS_STAGE_DRAINING);
  kfree(live);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(b), 0);
  for (int i = 0; i != 3; ++i) {  // copied, and waited for again
    kmem_cache_cookie_t copy = a;
    EXPECT_EQ(kmem_cache_destroy_barrier_one(copy), 0);
  }
}

TEST(Cookies, A9_NULL_gives_a_done_cookie) {
  reports caught;
  kmem_cache_cookie_t none = kmem_cache_destroy_rcu(nullptr);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(none), 0);
  EXPECT_CONTAINS(why(none), "gone");
  kmem_cache_destroy(nullptr);
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(Cookies, A9_the_name_is_free_for_a_new_cache_at_once) {
  reports caught;
  kmem_cache* old = make_cache("same name");
  auto all = take(old, 10);
  held_reader reader;
  retire(all);
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(old);
  kmem_cache* s = make_cache("same name");
  ASSERT_NE(s, nullptr);
  EXPECT_NE(s, old);
  object* o = take(s);
  kmem_cache_free(s, o);
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_OPEN);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

class Leak : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(gs_config_set("GRACESLAB_LINGER_SPLAT_MS", "300"), 0);
    leaky = make_cache("leaky");
    live = take(leaky);
    cookie = kmem_cache_destroy_rcu(leaky);
    caught.forget();
  }
  void TearDown() override {
    kfree(live);
    EXPECT_TRUE(eventually([&] { return is_gone(leaky); }));
    EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
    gs_config_set("GRACESLAB_LINGER_SPLAT_MS", "21000");
  }
  // Runs a wait aside while the clock is advanced until it returns.
  template <class Wait>
  int passing_time(Wait wait) {
    int result = 1;
    std::uint32_t returned = 0;
    std::thread waiter([&] {
      result = wait();
      gs_store_release(&returned, 1u);
    });
    EXPECT_TRUE(virtual_clock::until([&] { return gs_load_acquire(&returned) != 0; }));
    waiter.join();
    return result;
  }
  reports caught;
  virtual_clock still;
  kmem_cache* leaky = nullptr;
  object* live = nullptr;
  kmem_cache_cookie_t cookie = 0;
};

TEST_F(Leak, A9_barrier_is_EBUSY_once_the_splat_limit_passed) {
  EXPECT_EQ(passing_time([] { return kmem_cache_destroy_barrier(); }), -EBUSY);
  EXPECT_EQ(caught.count(GS_REPORT_LEAK), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "'leaky'");
  // Splatted already: not waited for again, in time that stands still.
  EXPECT_EQ(kmem_cache_destroy_barrier(), -EBUSY);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), -EBUSY);
}

TEST_F(Leak, A9_a_cookie_tells_which_cache_leaks) {
  kmem_cache* good = make_cache("good");
  retire(take(good, 100));
  kmem_cache_cookie_t ok = kmem_cache_destroy_rcu(good);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(ok), 0);
  EXPECT_EQ(passing_time([this] { return kmem_cache_destroy_barrier_one(cookie); }), -EBUSY);
  EXPECT_CONTAINS(why(cookie), "'leaky'");
  EXPECT_CONTAINS(why(cookie), "; 1 object is allocated and was never retired");
}

// The others are waited for even though one leaks.
TEST_F(Leak, A9_barrier_with_a_leak_still_waits_for_the_others) {
  (void)passing_time([] { return kmem_cache_destroy_barrier(); });
  kmem_cache* good = make_cache("good");
  retire(take(good, 100));
  kmem_cache_destroy(good);
  EXPECT_EQ(passing_time([] { return kmem_cache_destroy_barrier(); }), -EBUSY);
  EXPECT_TRUE(is_gone(good));
}

}  // namespace
