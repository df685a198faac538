// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B2: no allocation fails while free, parked, quarantined or reclaimed memory of any cache could
// serve it. The system gives no page here, so what is had comes from another place.
#include "watched.hpp"

namespace {

using namespace watched;

class Serves : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0);
    rich = make_cache("rich");
    poor = kmem_cache_create("poor", 500, 0, 0, nullptr);
  }
  void TearDown() override {
    EXPECT_EQ(kmem_cache_destroy_wait(rich), 0);
    EXPECT_EQ(kmem_cache_destroy_wait(poor), 0);
    gs_config_set("GRACESLAB_BACKGROUND", "1");
    EXPECT_EQ(caught.total(), 0u) << caught.everything();
  }
  void become_type_safe() {
    EXPECT_EQ(kmem_cache_destroy_wait(rich), 0);
    rich = make_cache("rich", SLAB_TYPESAFE_BY_RCU);
  }
  void expect_served(gfp_t gfp) {
    fault no_pages(GS_FAULT_PAGES);
    void* p = kmem_cache_alloc(poor, gfp);
    EXPECT_NE(p, nullptr);
    kmem_cache_free(poor, p);
    void* run = kmalloc(500'000, gfp);
    EXPECT_NE(run, nullptr);
    kfree(run);
  }
  virtual_clock still;
  reports caught;
  kmem_cache* rich = nullptr;
  kmem_cache* poor = nullptr;
};

TEST_F(Serves, B2_free_slabs_of_another_cache) {
  for (gfp_t gfp : {GFP_KERNEL, GFP_NOWAIT, GFP_ATOMIC}) {
    give(rich, take(rich, 20'000));
    expect_served(gfp);
  }
}

TEST_F(Serves, B2_what_another_thread_parks) {
  gate parked, end;
  std::thread other([&] {
    give(rich, take(rich, 60));
    parked.open();
    end.pass();
  });
  parked.pass();
  {
    fault no_pages(GS_FAULT_PAGES);
    void* p = kmem_cache_alloc(poor, GFP_NOWAIT);
    EXPECT_NE(p, nullptr);
    kmem_cache_free(poor, p);
    // And an object of its own kind, which the other thread's slab no longer holds.
    object* o = take(rich);
    EXPECT_NE(o, nullptr);
    kmem_cache_free(rich, o);
  }
  end.open();
  other.join();
}

TEST_F(Serves, B2_its_own_quarantined_slabs_though_a_reader_stays) {
  become_type_safe();
  held_reader reader;
  give(rich, take(rich, 20'000));
  const std::uint64_t slabs = stats_of(rich).slabs;
  for (int i = 0; i != 5; ++i) {
    fault no_pages(GS_FAULT_PAGES);
    std::vector<object*> all = take(rich, 20'000);
    for (object* o : all) ASSERT_NE(o, nullptr);
    EXPECT_LE(stats_of(rich).slabs, slabs);
    give(rich, all);
  }
}

TEST_F(Serves, B2_C4_quarantined_slabs_of_another_cache_after_their_grace_period) {
  become_type_safe();
  std::vector<void*> all;  // what is free elsewhere
  {
    held_reader reader;
    give(rich, take(rich, 20'000));
    fault no_pages(GS_FAULT_PAGES);
    while (void* p = kmem_cache_alloc(poor, GFP_NOWAIT)) all.push_back(p);
    for (gfp_t gfp : {GFP_KERNEL, GFP_NOWAIT, GFP_ATOMIC})
      EXPECT_EQ(kmem_cache_alloc(poor, gfp), nullptr);
  }
  expect_served(GFP_KERNEL);
  for (void* p : all) kmem_cache_free(poor, p);
}

TEST_F(Serves, B2_retired_memory_of_another_cache_after_its_grace_period) {
  retire(take(rich, 20'000));
  expect_served(GFP_KERNEL);
}

TEST_F(Serves, B2_retired_runs_and_a_cache_that_is_not_there_yet) {
  gs_retire(kmalloc(3'000'000, GFP_KERNEL));
  expect_served(GFP_KERNEL);
}

}  // namespace
