// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C6, K6: what an allocation does before it says that memory ran out, and how it never says so.
#include <cstring>

#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::size_t large = 1'200'000;  // a run of its own

int state_of(const void* p) {
  gs_object_info info;
  return gs_object_lookup(p, &info) == 0 ? info.state : -1;
}

class Retried : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0);
    held.push_back(kmalloc(large, GFP_KERNEL));  // the range and the cache of runs are there
    fault no_pages(GS_FAULT_PAGES);              // and no run is free
    while (void* p = kmalloc(large, GFP_NOWAIT)) held.push_back(p);
  }
  void TearDown() override {
    for (void* p : held) kfree(p);
    gs_config_set("GRACESLAB_BACKGROUND", "1");
    kfree_rcu_barrier();
  }
  reports caught;
  std::vector<void*> held;
};

// As many objects as there are without new pages.
std::vector<object*> exhaust(kmem_cache* s) {
  std::vector<object*> all = take(s, 10);
  fault no_pages(GS_FAULT_PAGES);
  while (auto* o = static_cast<object*>(kmem_cache_alloc(s, GFP_NOWAIT))) all.push_back(o);
  return all;
}

TEST_F(Retried, K6_a_large_run_asks_for_retired_ones_first) {
  void* retired = kmalloc(large, GFP_KERNEL);
  gs_retire(retired);
  {
    fault no_pages(GS_FAULT_PAGES, 1);
    EXPECT_EQ(kmalloc(large, GFP_NOWAIT), nullptr);
  }
  {
    fault no_pages(GS_FAULT_PAGES, 1);
    EXPECT_EQ(kmalloc(large, GFP_ATOMIC | __GFP_NOFAIL), nullptr);
  }
  EXPECT_EQ(state_of(retired), GS_STATE_RETIRED);
  fault no_pages(GS_FAULT_PAGES, 1);
  void* p = kmalloc(large, GFP_KERNEL);
  EXPECT_NE(p, nullptr);
  EXPECT_NE(state_of(retired), GS_STATE_RETIRED);
  kfree(p);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Retried, C6_without_NOFAIL_a_second_refusal_is_final) {
  fault no_pages(GS_FAULT_PAGES, 2);
  EXPECT_EQ(kmalloc(large, GFP_KERNEL), nullptr);
  EXPECT_EQ(gs_fault_hits(GS_FAULT_PAGES), 2u);
}

TEST_F(Retried, C6_NOFAIL_goes_on_until_there_is_memory) {
  kmem_cache* s = make_cache("persistent");
  std::vector<object*> all = exhaust(s);
  {
    fault no_pages(GS_FAULT_PAGES, 9);
    all.push_back(static_cast<object*>(kmem_cache_alloc(s, __GFP_NOFAIL)));
    EXPECT_NE(all.back(), nullptr);
    EXPECT_EQ(gs_fault_hits(GS_FAULT_PAGES), 9u);
  }
  for (gs_fault_site site : {GS_FAULT_PAGES, GS_FAULT_META}) {
    fault refused(site, 5);
    void* p = kmalloc(large, __GFP_NOFAIL);
    EXPECT_NE(p, nullptr);
    EXPECT_EQ(gs_fault_hits(site), 5u);
    p = krealloc(p, 3 * large, __GFP_NOFAIL);
    EXPECT_NE(p, nullptr);
    kfree(p);
  }
  give(s, all);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Retried, C6_NOFAIL_in_bulk) {
  kmem_cache* s = make_cache("bulky");
  std::vector<object*> all = exhaust(s);
  void* more[100];
  {
    fault no_pages(GS_FAULT_PAGES, 7);
    ASSERT_EQ(kmem_cache_alloc_bulk(s, __GFP_NOFAIL, 100, more), 100);
    EXPECT_EQ(gs_fault_hits(GS_FAULT_PAGES), 7u);
  }
  kmem_cache_free_bulk(s, 100, more);
  give(s, all);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// A size class whose cache is not there yet needs a record first.
TEST_F(Retried, C6_NOFAIL_in_every_size_class) {
  for (std::size_t size : {8u, 200u, 1000u, 7000u, 30'000u}) {
    std::vector<void*> all;
    {
      fault no_pages(GS_FAULT_PAGES);
      while (void* p = kmalloc(size, GFP_NOWAIT)) all.push_back(p);
    }
    fault no_pages(GS_FAULT_PAGES, 6);
    all.push_back(kmalloc(size, __GFP_NOFAIL | __GFP_ZERO));
    EXPECT_NE(all.back(), nullptr);
    EXPECT_EQ(gs_fault_hits(GS_FAULT_PAGES), 6u) << size;
    for (void* p : all) kfree(p);
  }
}

TEST_F(Retried, C6_NOFAIL_says_once_that_it_waits_for_long) {
  for (gfp_t gfp : {__GFP_NOFAIL, __GFP_NOFAIL | __GFP_NOWARN}) {
    fault no_pages(GS_FAULT_PAGES, 14);
    void* p = kmalloc(large, gfp);
    EXPECT_NE(p, nullptr);
    EXPECT_EQ(gs_fault_hits(GS_FAULT_PAGES), 14u);
    held.push_back(p);
    EXPECT_EQ(caught.count(GS_REPORT_NO_MEMORY), 1u) << caught.everything();
  }
  EXPECT_CONTAINS(caught.text(GS_REPORT_NO_MEMORY), "1200000 bytes");
  EXPECT_CONTAINS(caught.text(GS_REPORT_NO_MEMORY), "kmalloc-large");
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
}

TEST_F(Retried, C6_NOFAIL_inside_a_section_and_a_callback) {
  rcu_read_lock();
  gs_retire(kmalloc(large, GFP_KERNEL));  // cannot come home while we are here
  {
    fault no_pages(GS_FAULT_PAGES, 6);
    void* p = kmalloc(large, __GFP_NOFAIL);
    EXPECT_NE(p, nullptr);
    kfree(p);
  }
  rcu_read_unlock();
  in_callback([] {
    fault no_pages(GS_FAULT_PAGES, 6);
    void* p = kmalloc(large, __GFP_NOFAIL);
    EXPECT_NE(p, nullptr);
    kfree(p);
  });
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// The system gives nothing any more: retired objects come home once their readers have left.
TEST_F(Retried, C6_NOFAIL_waits_for_retired_memory) {
  kmem_cache* s = make_cache("awaited");
  std::vector<object*> all = exhaust(s);
  fault no_pages(GS_FAULT_PAGES);
  object* last = all.back();
  all.pop_back();
  {
    held_reader reader;
    kfree_rcu(last, rcu);
    std::thread leaves([&reader] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      reader.leave();
    });
    EXPECT_EQ(kmem_cache_alloc(s, __GFP_NOFAIL), last);
    leaves.join();
  }
  all.push_back(last);
  give(s, all);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// No destructor runs on the thread that waits: it may hold the lock that one takes.
std::mutex taken_by_destructor;

TEST_F(Retried, C6_NOFAIL_runs_no_destructor_itself) {
  gs_config_set("GRACESLAB_BACKGROUND", "1");
  gs_cache_options options = {};
  options.name = "with destructor";
  options.size = sizeof(object);
  options.dtor = [](void*) { std::lock_guard hold(taken_by_destructor); };
  kmem_cache* s = gs_cache_create(&options);
  std::vector<object*> all = exhaust(s);
  {
    fault no_pages(GS_FAULT_PAGES, 8);
    std::lock_guard hold(taken_by_destructor);
    kfree_rcu(all.back(), rcu);
    all.back() = static_cast<object*>(kmem_cache_alloc(s, __GFP_NOFAIL));
    EXPECT_NE(all.back(), nullptr);
  }
  give(s, all);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Retried, C6_NOFAIL_of_what_can_never_succeed_is_NULL_at_once) {
  EXPECT_EQ(kmalloc(SIZE_MAX, __GFP_NOFAIL), nullptr);
  EXPECT_EQ(kmalloc(std::size_t{1} << 46, __GFP_NOFAIL), nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_NO_MEMORY), 2u) << caught.everything();
  EXPECT_CONTAINS(caught.text(GS_REPORT_NO_MEMORY), "can never succeed");
  EXPECT_EQ(kmalloc(SIZE_MAX, __GFP_NOFAIL | __GFP_NOWARN), nullptr);
  EXPECT_EQ(kmalloc(SIZE_MAX, __GFP_NOFAIL | GFP_NOWAIT), nullptr);
  EXPECT_EQ(caught.total(), 2u) << caught.everything();
  kmem_cache* s = kmem_cache_create("constructed", 64, 0, 0, [](void*) {});
  EXPECT_EQ(kmem_cache_alloc(s, __GFP_NOFAIL | __GFP_ZERO), nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_ZERO_WITH_CONSTRUCTOR), 1u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(kmem_cache_alloc(s, __GFP_NOFAIL), nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u);
}

TEST_F(Retried, C6_NOFAIL_does_not_make_NOWAIT_and_ATOMIC_wait) {
  kmem_cache* s = make_cache("hasty");
  std::vector<object*> all = exhaust(s);
  fault no_pages(GS_FAULT_PAGES);
  for (gfp_t gfp : {GFP_NOWAIT, GFP_ATOMIC}) {
    EXPECT_EQ(kmem_cache_alloc(s, gfp | __GFP_NOFAIL), nullptr);
    EXPECT_EQ(kmalloc(large, gfp | __GFP_NOFAIL), nullptr);
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  give(s, all);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Its cache is destroyed while it waits: NULL and a report, as for any allocation from it.
TEST_F(Retried, C6_NOFAIL_ends_with_its_cache) {
  kmem_cache* s = make_cache("ends", SLAB_DESTROY_ONCE_FULLY_FREED);
  std::vector<object*> all = exhaust(s);
  fault no_pages(GS_FAULT_PAGES);
  unsigned waits = 0;
  std::thread waiting([&] {
    gs_store_release(&waits, 1u);
    EXPECT_EQ(kmem_cache_alloc(s, __GFP_NOFAIL | __GFP_NOWARN), nullptr);
  });
  EXPECT_TRUE(eventually(
      [&] { return gs_load_acquire(&waits) != 0 && gs_fault_hits(GS_FAULT_PAGES) > 6; }));
  kmem_cache_destroy(s);
  waiting.join();
  for (object* o : all) kfree(o);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
}

}  // namespace
