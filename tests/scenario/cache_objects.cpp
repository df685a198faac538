// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C1, C6: allocating, freeing, bulk, shrinking, looking at pointers, and what happens without
// memory.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "watched.hpp"

namespace {

using namespace watched;

class Cache : public testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(caught.total(), 0u) << caught.everything(); }
  reports caught;
};

TEST_F(Cache, C1_objects_are_distinct_and_writable) {
  kmem_cache* s = make_cache("distinct");
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(kmem_cache_size(s), sizeof(object));
  auto all = take(s, 1000);
  std::set<void*> seen(all.begin(), all.end());
  EXPECT_EQ(seen.size(), all.size());
  EXPECT_EQ(seen.count(nullptr), 0u);
  for (std::size_t i = 0; i != all.size(); ++i)
    std::memset(static_cast<void*>(all[i]), static_cast<int>(i), sizeof(object));
  for (std::size_t i = 0; i != all.size(); ++i)
    EXPECT_EQ(reinterpret_cast<unsigned char*>(all[i])[sizeof(object) - 1], i & 0xff);
  EXPECT_EQ(stats_of(s).live, all.size());
  give(s, all);
  EXPECT_EQ(stats_of(s).live, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Cache, C1_zalloc_zeroes_what_was_used_before) {
  kmem_cache* s = make_cache("zeroed");
  object* o = take(s);
  std::memset(static_cast<void*>(o), 0xff, sizeof *o);
  kmem_cache_free(s, o);
  const object zero = {};
  for (int i = 0; i != 100; ++i) {
    auto* z = static_cast<object*>(kmem_cache_zalloc(s, GFP_KERNEL));
    EXPECT_EQ(std::memcmp(z, &zero, sizeof zero), 0);
    std::memset(static_cast<void*>(z), 0xee, sizeof *z);
    kmem_cache_free(s, z);
  }
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Cache, C1_bulk_is_all) {
  kmem_cache* s = make_cache("bulk");
  std::vector<void*> all(777);
  ASSERT_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, all.size(), all.data()), 777);
  EXPECT_EQ(std::set<void*>(all.begin(), all.end()).size(), all.size());
  EXPECT_EQ(stats_of(s).live, 777u);
  kmem_cache_free_bulk(s, all.size(), all.data());
  EXPECT_EQ(stats_of(s).live, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Cache, C1_C6_bulk_is_nothing_when_memory_runs_out) {
  kmem_cache* s = make_cache("bulk-none");
  object* kept = take(s);
  std::vector<void*> all(5000, nullptr);
  {
    fault no_pages(GS_FAULT_PAGES);
    EXPECT_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, all.size(), all.data()), 0);
  }
  EXPECT_EQ(stats_of(s).live, 1u);
  EXPECT_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, all.size(), all.data()), 5000);
  kmem_cache_free_bulk(s, all.size(), all.data());
  kmem_cache_free(s, kept);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Cache, C6_without_memory_NULL_and_nothing_changes) {
  kmem_cache* s = make_cache("no-pages");
  std::vector<object*> all;
  fault no_new_pages(GS_FAULT_PAGES, 0);
  all = take(s, 10);
  {
    fault no_pages(GS_FAULT_PAGES);
    while (object* o = take(s)) all.push_back(o);
    auto before = stats_of(s);
    EXPECT_EQ(kmem_cache_zalloc(s, GFP_ATOMIC), nullptr);
    EXPECT_EQ(kmem_cache_alloc(s, GFP_NOWAIT), nullptr);
    auto after = stats_of(s);
    EXPECT_EQ(after.live, before.live);
    EXPECT_EQ(after.carved, before.carved);
    EXPECT_EQ(after.slabs, before.slabs);
    EXPECT_EQ(after.carved, after.live);  // not one was left behind
  }
  EXPECT_NE(take(s), nullptr);
  EXPECT_EQ(stats_of(s).live, all.size() + 1);
  give(s, all);
  EXPECT_EQ(stats_of(s).live, 1u);
  kmem_cache_destroy(s);
  caught.forget();  // that one is out
}

TEST_F(Cache, C6_retired_memory_serves_before_the_system_is_asked) {
  kmem_cache* s = make_cache("relieved");
  auto all = take(s, 4000);
  std::vector<object*> rest;
  fault no_pages(GS_FAULT_PAGES);
  while (object* o = take(s)) rest.push_back(o);
  retire(all);
  gs_domain_reclaim_now(nullptr);
  EXPECT_NE(all[0] = take(s), nullptr);
  kmem_cache_free(s, all[0]);
  give(s, rest);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Section 7: GFP_ATOMIC and GFP_NOWAIT look at what is there and never wait or reclaim.
TEST_F(Cache, K6_only_allocations_that_may_wait_reclaim) {
  ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0);
  kmem_cache* s = make_cache("patient");
  std::vector<object*> all;
  for (int i = 0; i != 64; ++i) all.push_back(take(s));
  fault no_pages(GS_FAULT_PAGES);
  while (object* o = take(s)) all.push_back(o);
  std::vector<object*> some(all.end() - 64, all.end());
  all.resize(all.size() - 64);
  retire(some);
  gs_cache_stats seized = stats_of(s);
  EXPECT_EQ(seized.retired - seized.reclaimed, 64u);
  kfree_rcu(all.back(), rcu);  // the full array is deferred, its grace period not begun
  all.pop_back();
  EXPECT_EQ(kmem_cache_alloc(s, GFP_ATOMIC), nullptr);
  EXPECT_EQ(kmem_cache_alloc(s, GFP_NOWAIT), nullptr);
  EXPECT_EQ(kmem_cache_alloc(s, GFP_NOWAIT | __GFP_ZERO), nullptr);
  EXPECT_EQ(in_flight(s), 65u);
  void* got = kmem_cache_alloc(s, GFP_KERNEL);
  EXPECT_NE(got, nullptr);
  kmem_cache_free(s, got);
  give(s, all);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  gs_config_set("GRACESLAB_BACKGROUND", "1");
}

TEST_F(Cache, C1_shrink_gives_the_pages_back) {
  kmem_cache* s = make_cache("shrunk");
  auto all = take(s, 10'000);
  EXPECT_EQ(kmem_cache_shrink(s), 1);
  EXPECT_EQ(stats_of(s).live, all.size());
  give(s, all);
  EXPECT_EQ(kmem_cache_shrink(s), 0);
  auto after = stats_of(s);
  EXPECT_EQ(after.slabs, 0u);
  EXPECT_EQ(after.carved, 0u);
  EXPECT_EQ(after.resident_bytes, 0u);
  object* again = take(s);
  EXPECT_NE(again, nullptr);
  kmem_cache_free(s, again);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Cache, C1_provenance_of_any_pointer) {
  kmem_cache* s = make_cache("provenance");
  object* o = take(s);
  gs_object_info info;
  ASSERT_EQ(gs_object_lookup(reinterpret_cast<char*>(o) + 17, &info), 0);
  EXPECT_EQ(info.cache, s);
  EXPECT_STREQ(info.cache_name, "provenance");
  EXPECT_EQ(info.object, o);
  EXPECT_EQ(info.state, GS_STATE_LIVE);
  EXPECT_EQ(info.size, sizeof(object));
  kfree_rcu(o, rcu);
  ASSERT_EQ(gs_object_lookup(o, &info), 0);
  EXPECT_EQ(info.state, GS_STATE_RETIRED);
  object* f = take(s);
  kmem_cache_free(s, f);
  ASSERT_EQ(gs_object_lookup(f, &info), 0);
  EXPECT_EQ(info.state, GS_STATE_FREE);
  int local;
  EXPECT_EQ(gs_object_lookup(&local, &info), -ENOENT);
  EXPECT_EQ(info.state, -1);
  EXPECT_EQ(gs_object_lookup(nullptr, &info), -ENOENT);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(gs_object_lookup(o, &info), -ENOENT);
}

TEST_F(Cache, C1_dump_is_one_report) {
  kmem_cache* s = make_cache("dumped");
  object* o = take(s);
  gs_dump_object(reinterpret_cast<char*>(o) + 8);
  ASSERT_EQ(caught.count(GS_REPORT_OBJECT), 1u);
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "'dumped'");
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "8 bytes into");
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "allocated");
  gs_dump_object(&caught);
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "belongs to no cache");
  caught.forget();
  kmem_cache_free(s, o);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Cache, C1_NULL_is_a_no_op_everywhere) {
  kmem_cache* s = make_cache("null");
  kmem_cache_free(s, nullptr);
  kmem_cache_free(nullptr, nullptr);
  kfree(nullptr);
  kvfree(nullptr);
  kfree_rcu(static_cast<object*>(nullptr), rcu);
  kfree_rcu_mightsleep(nullptr);
  EXPECT_EQ(kmem_cache_alloc(nullptr, 0), nullptr);
  EXPECT_EQ(kmem_cache_shrink(nullptr), 0);
  EXPECT_EQ(kmem_cache_size(nullptr), 0u);
  EXPECT_EQ(ksize(nullptr), 0u);
  kmem_cache_free_barrier(nullptr);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Cache, R6_free_and_retire_keep_errno) {
  kmem_cache* s = make_cache("errno");
  auto all = take(s, 2000);
  errno = EXDEV;
  for (std::size_t i = 0; i != all.size(); ++i)
    if (i % 3 == 0)
      kmem_cache_free(s, all[i]);
    else if (i % 3 == 1)
      kfree_rcu(all[i], rcu);
    else
      kfree_rcu_mightsleep(all[i]);
  EXPECT_EQ(errno, EXDEV);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
