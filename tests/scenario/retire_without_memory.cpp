// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// K1, K2: retiring needs no memory; without a head it may wait instead.
#include "watched.hpp"

namespace {

using namespace watched;

constexpr gs_fault_site no_array[] = {GS_FAULT_ARRAY, GS_FAULT_META};

class RetireWithoutMemory : public testing::TestWithParam<gs_fault_site> {
 protected:
  void TearDown() override { EXPECT_EQ(caught.total(), 0u) << caught.everything(); }
  reports caught;
};
INSTANTIATE_TEST_SUITE_P(Sites, RetireWithoutMemory, testing::ValuesIn(no_array),
                         [](const auto& i) {
                           return i.param == GS_FAULT_ARRAY ? "array" : "meta";
                         });

void all_come_home(kmem_cache* s, std::uint64_t retired) {
  kmem_cache_free_barrier(s);
  auto after = stats_of(s);
  EXPECT_EQ(after.retired, retired);
  EXPECT_EQ(after.reclaimed, retired);
  EXPECT_EQ(after.live, 0u);
  EXPECT_EQ(after.parked + after.free_in_slabs, after.carved);
}

TEST_P(RetireWithoutMemory, K1_every_object_comes_home) {
  kmem_cache* s = make_cache("no memory");
  auto all = take(s, 5000);
  {
    fault none(GetParam());
    retire(all);
    // Another thread has no array of this cache at all.
    auto more = std::vector<object*>();
    std::thread([&] {
      for (int i = 0; i != 100; ++i)
        if (object* o = take(s)) more.push_back(o);
      retire(more);
    }).join();
    all_come_home(s, all.size() + more.size());
  }
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(RetireWithoutMemory, K1_not_before_readers_left) {
  kmem_cache* s = make_cache("no memory");
  auto all = take(s, 1000);
  fault none(GetParam());
  {
    held_reader reader;
    retire(all);
    EXPECT_EQ(in_flight(s), all.size());
    gs_object_info info;
    ASSERT_EQ(gs_object_lookup(all.back(), &info), 0);
    EXPECT_TRUE(info.state == GS_STATE_MARKED || info.state == GS_STATE_MARKED_NEXT ||
                info.state == GS_STATE_RETIRED);
  }
  all_come_home(s, all.size());
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(RetireWithoutMemory, K1_by_themselves_and_after_destroy) {
  kmem_cache* s = make_cache("no memory");
  auto all = take(s, 1000);
  fault none(GetParam());
  retire(all);
  kmem_cache_destroy(s);
  EXPECT_TRUE(is_gone_soon(s));
}

TEST_P(RetireWithoutMemory, K1_double_retire_is_still_found) {
  kmem_cache* s = make_cache("no memory");
  object* o = take(s);
  fault none(GetParam());
  held_reader reader;
  kfree_rcu(o, rcu);
  kfree_rcu(o, rcu);
  kmem_cache_free(s, o);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_RETIRE), 1u);
  EXPECT_EQ(caught.count(GS_REPORT_FREE_OF_RETIRED), 1u);
  caught.forget();
  reader.leave();
  all_come_home(s, 1);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(RetireWithoutMemory, K1_large_runs) {
  void* p = kmalloc(3u << 20, 0);
  gs_retire(kmalloc(2'000'000, 0));
  const auto before = stats_of(static_cast<gs_domain*>(nullptr));
  fault none(GetParam());
  gs_retire(p);
  kfree_rcu_barrier();
  gs_object_info info;
  EXPECT_NE(gs_object_lookup(p, &info), 0);
  const auto after = stats_of(static_cast<gs_domain*>(nullptr));
  EXPECT_GE(after.retired, before.retired + 1);
  EXPECT_EQ(after.retired, after.reclaimed);
}

// A call that has not returned is covered by no barrier, so nothing is left when it has.
TEST_P(RetireWithoutMemory, K2_mightsleep_frees_before_it_returns) {
  kmem_cache* s = make_cache("mightsleep");
  kmem_cache* other = make_cache("other");
  object* o = nullptr;
  std::thread([&] { o = take(s); }).join();
  kmem_cache_shrink(s);  // no spare array is left
  const auto before = stats_of(static_cast<gs_domain*>(nullptr));
  {
    fault none(GetParam());
    kfree_rcu_mightsleep(o);
  }
  const auto after = stats_of(static_cast<gs_domain*>(nullptr));
  gs_object_info info;
  EXPECT_TRUE(gs_object_lookup(o, &info) != 0 || info.state == GS_STATE_FREE);
  EXPECT_EQ(stats_of(s).live, 0u);
  EXPECT_EQ(in_flight(s), 0u);
  EXPECT_GT(after.completed, before.completed);  // it waited
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
}

TEST_P(RetireWithoutMemory, K2_mightsleep_waits_for_readers) {
  kmem_cache* s = make_cache("waits");
  object* o = nullptr;
  std::thread([&] { o = take(s); }).join();
  kmem_cache_shrink(s);  // no spare array is left
  o->value[3] = 99;
  fault none(GetParam());
  std::uint32_t returned = 0;
  std::thread caller;
  {
    held_reader reader;
    caller = std::thread([&] {
      kfree_rcu_mightsleep(o);
      gs_store_release(&returned, 1u);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(gs_load_acquire(&returned), 0u);
    EXPECT_EQ(o->value[3], 99u);
  }
  caller.join();
  EXPECT_EQ(stats_of(s).live, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Inside a section it cannot wait: it retires as if it had a head.
TEST_P(RetireWithoutMemory, K2_mightsleep_inside_a_section) {
  kmem_cache* s = make_cache("section");
  object* o = nullptr;
  std::thread([&] { o = take(s); }).join();
  fault none(GetParam());
  rcu_read_lock();
  kfree_rcu_mightsleep(o);
  EXPECT_EQ(in_flight(s), 1u);
  rcu_read_unlock();
  all_come_home(s, 1);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(RetireWithMemory, K2_mightsleep_does_not_wait) {
  kmem_cache* s = make_cache("does not");
  retire(take(s, 1));
  held_reader reader;
  kfree_rcu_mightsleep(take(s));  // would hang
  EXPECT_EQ(in_flight(s), 2u);
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
