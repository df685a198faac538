// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Debug caches from within: what the library knows is made wrong, memory for it is refused.
#include "slab/debug.hpp"

#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "equations.hpp"

namespace {

using namespace graceslab;

std::string said;
unsigned reports;

void take(gs_report, const char* text, size_t bytes, void*) {
  said.append(text, bytes);
  ++reports;
}

class DebugCaches : public testing::Test {
 protected:
  void SetUp() override {
    if (os::sanitized()) GTEST_SKIP() << "the sanitizer looks itself";
    said.clear();
    reports = 0;
    gs_report_set_handler(take, nullptr);
  }
  void TearDown() override {
    gs_config_set("GRACESLAB_DEBUG", "-");
    gs_report_set_handler(nullptr, nullptr);
  }

  static slab::slab& slab_of(const void* object) {
    return slab::slab_of(*slab::granule_of(object));
  }
  static bool contains(const char* part) { return said.find(part) != std::string::npos; }
};

TEST_F(DebugCaches, C2_checks_find_a_slab_that_is_miscounted) {
  kmem_cache* s = kmem_cache_create("checked", 64, 0, SLAB_CONSISTENCY_CHECKS, nullptr);
  void *one = kmem_cache_alloc(s, 0), *other = kmem_cache_alloc(s, 0);
  ++slab_of(one).free;
  kmem_cache_free(s, one);
  --slab_of(one).free;
  EXPECT_EQ(reports, 1u) << said;
  EXPECT_TRUE(contains("is in disorder: the objects of its slab are miscounted, found at free"))
      << said;
  kmem_cache_free(s, other);
  EXPECT_EQ(reports, 1u) << said;
  gs_cache_stats stats;
  EXPECT_EQ(gs_cache_read_stats(s, &stats), 0);
  EXPECT_EQ(stats.leaked, 1u);
  EXPECT_EQ(stats.live, 0u);
}

TEST_F(DebugCaches, C2_validation_finds_a_free_object_that_is_not_of_any_cache) {
  kmem_cache* s = kmem_cache_create("plain", 64, 0, 0, nullptr);
  void* one = kmem_cache_alloc(s, 0);
  kmem_cache_free(s, one);
  kmem_cache_shrink(s);
  one = kmem_cache_alloc(s, 0);
  slab::slab& of = slab_of(one);
  const std::uint32_t index = slab::index_of(of, one);
  EXPECT_EQ(gs_cache_validate(s), 0);
  slab::bits_of(of)[index / 64] |= std::uint64_t{1} << (index % 64);
  ++of.free;
  EXPECT_EQ(gs_caches_validate(), 1);
  EXPECT_TRUE(contains("it lies free in its slab, and is not, found at validation")) << said;
  slab::bits_of(of)[index / 64] &= ~(std::uint64_t{1} << (index % 64));
  --of.free;
  EXPECT_EQ(gs_caches_validate(), 0);
  kmem_cache_free(s, one);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Without memory for its records a debug cache does what it can.
TEST_F(DebugCaches, C6_no_memory_for_records_is_no_failure) {
  kmem_cache* s =
      kmem_cache_create("bare", 64, 0, SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER, nullptr);
  gs_fault second = {1'000'000, 2, 1, gs_cache_id(s)};
  slab::cache* c = slab::cache_from_handle(s);
  second.cache = c->id;
  gs_fault_set(GS_FAULT_META, &second);
  auto* p = static_cast<char*>(kmem_cache_alloc(s, 0));
  gs_fault_set(GS_FAULT_META, nullptr);
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(slab_of(p).records, nullptr);
  EXPECT_EQ(slab::debug_asked_of(*c, slab_of(p), 0), 64u);
  p[64] = 1;
  kmem_cache_free(s, p);
  EXPECT_TRUE(contains("was overwritten at offset 64")) << said;
  EXPECT_FALSE(contains("by thread")) << said;
  p = static_cast<char*>(kmem_cache_alloc(s, 0));
  kmem_cache_free(s, p);
  EXPECT_EQ(reports, 1u) << said;
}

TEST_F(DebugCaches, C2_owners_belong_to_the_life_that_they_are_of) {
  kmem_cache* s = kmem_cache_create("owned", 64, 0, SLAB_STORE_USER, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  auto of = [&c](const void* p) {
    sync::lock_guard hold(c.slabs_lock);
    return slab::debug_owners_of(slab_of(p), slab::index_of(slab_of(p), p));
  };
  void* p = kmem_cache_alloc(s, 0);
  slab::owners who = of(p);
  EXPECT_TRUE(who.live);
  EXPECT_NE(who.of(slab::owned::allocated).stack, 0u);
  EXPECT_EQ(who.of(slab::owned::retired).tid, 0u);
  EXPECT_EQ(who.of(slab::owned::freed).tid, 0u);
  rcu_read_lock();  // until then it stays retired
  gs_retire(p);
  EXPECT_NE(of(p).of(slab::owned::retired).stack, 0u);
  EXPECT_EQ(of(p).of(slab::owned::freed).tid, 0u);
  rcu_read_unlock();
  kmem_cache_free_barrier(s);
  who = of(p);
  EXPECT_FALSE(who.live);
  EXPECT_NE(who.of(slab::owned::retired).tid, 0u);
  EXPECT_NE(who.of(slab::owned::freed).tid, 0u);
  EXPECT_EQ(who.of(slab::owned::freed).stack, 0u);
  while (kmem_cache_alloc(s, 0) != p) {
  }
  char text[4000];
  slab::debug_describe_owners(of(p), text, sizeof text);
  EXPECT_NE(std::strstr(text, "\n  before that, retired by thread "), nullptr) << text;
  EXPECT_NE(std::strstr(text, "\n  before that, reclaimed by thread "), nullptr) << text;
  // With less room each says less.
  slab::debug_describe_owners(of(p), text, 900);
  EXPECT_NE(std::strstr(text, "\n  before that, reclaimed by thread "), nullptr) << text;
  kmem_cache_free(s, p);
  EXPECT_EQ(of(p).of(slab::owned::retired).tid, 0u);
  EXPECT_NE(of(p).of(slab::owned::freed).stack, 0u);
  EXPECT_EQ(reports, 0u) << said;
}

// The equations hold beside objects that were given up while they were retired.
TEST_F(DebugCaches, C2_what_is_given_up_at_the_end_of_its_grace_period_is_counted) {
  kmem_cache* s = kmem_cache_create("given up", 64, 0, SLAB_RED_ZONE, nullptr);
  char* all[20];
  for (char*& p : all) p = static_cast<char*>(kmem_cache_alloc(s, 0));
  rcu_read_lock();
  for (char* p : all) gs_retire(p);
  for (int i = 0; i != 20; i += 2) all[i][70] = 1;
  rcu_read_unlock();
  kmem_cache_free_barrier(s);
  // One by one, but for the last: the first one had a grace period of its own.
  EXPECT_EQ(reports, 10u) << said;
  EXPECT_TRUE(contains(": 1 more object of cache 'given up'")) << said;
  gs_cache_stats stats;
  EXPECT_EQ(gs_cache_read_stats(s, &stats), 0);
  EXPECT_EQ(stats.leaked, 10u);
  EXPECT_EQ(stats.retired, stats.reclaimed);
  EXPECT_EQ(stats.live, 0u);
  equations::check_cache(*slab::cache_from_handle(s));
}

}  // namespace
