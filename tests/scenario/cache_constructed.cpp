// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C3, C4: constructed objects, and type-safe ones.
#include <atomic>
#include <cstring>
#include <set>

#include "watched.hpp"

namespace {

using namespace watched;

std::atomic<std::uint64_t> constructed;
struct made {
  std::uint64_t magic, uses;
};
void construct(void* p) {
  auto* m = static_cast<made*>(p);
  m->magic = 0x600dc0de;
  m->uses = 0;
  ++constructed;
}

TEST(CacheConstructor, C3_runs_once_per_object) {
  reports caught;
  constructed = 0;
  kmem_cache* s = kmem_cache_create("made", sizeof(made), 0, 0, construct);
  std::vector<made*> all(500);
  for (int round = 0; round != 5; ++round) {
    for (auto& m : all) {
      m = static_cast<made*>(kmem_cache_alloc(s, 0));
      EXPECT_EQ(m->magic, 0x600dc0deu);
      ++m->uses;
    }
    EXPECT_EQ(constructed.load(), stats_of(s).carved);
    for (std::size_t i = 0; i != all.size(); ++i)
      i % 2 == 0 ? kmem_cache_free(s, all[i]) : gs_retire(all[i]);
    kmem_cache_free_barrier(s);
  }
  // Nothing touched them in between: the uses of all rounds are still there.
  std::vector<made*> carved(stats_of(s).carved);
  std::uint64_t uses = 0;
  for (auto& m : carved) {
    m = static_cast<made*>(kmem_cache_alloc(s, 0));
    EXPECT_EQ(m->magic, 0x600dc0deu);
    uses += m->uses;
  }
  EXPECT_EQ(uses, 5 * all.size());
  EXPECT_EQ(constructed.load(), carved.size());
  for (auto* m : carved) kmem_cache_free(s, m);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(CacheConstructor, C3_runs_again_for_new_slabs) {
  constructed = 0;
  kmem_cache* s = kmem_cache_create("again", sizeof(made), 0, 0, construct);
  kmem_cache_free(s, kmem_cache_alloc(s, 0));
  std::uint64_t first = constructed;
  EXPECT_GT(first, 0u);
  ASSERT_EQ(kmem_cache_shrink(s), 0);
  auto* m = static_cast<made*>(kmem_cache_alloc(s, 0));
  EXPECT_EQ(m->magic, 0x600dc0deu);
  EXPECT_GT(constructed.load(), first);
  kmem_cache_free(s, m);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(CacheConstructor, C3_zeroing_is_refused) {
  reports caught;
  kmem_cache* s = kmem_cache_create("unzeroed", sizeof(made), 0, 0, construct);
  EXPECT_EQ(kmem_cache_zalloc(s, 0), nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_ZERO_WITH_CONSTRUCTOR), 1u);
  EXPECT_CONTAINS(caught.everything(), "'unzeroed'");
  EXPECT_EQ(stats_of(s).live, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(TypeSafe, C4_objects_are_reused_at_once_untouched) {
  constructed = 0;
  kmem_cache* s = kmem_cache_create("reused", sizeof(made), 0, SLAB_TYPESAFE_BY_RCU, construct);
  rcu_read_lock();
  auto* m = static_cast<made*>(kmem_cache_alloc(s, 0));
  m->uses = 42;
  kmem_cache_free(s, m);
  auto* again = static_cast<made*>(kmem_cache_alloc(s, 0));
  EXPECT_EQ(again, m);
  EXPECT_EQ(again->uses, 42u);
  EXPECT_EQ(constructed.load(), stats_of(s).carved);
  rcu_read_unlock();
  kmem_cache_free(s, again);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(TypeSafe, C4_pages_stay_for_a_grace_period_after_the_slab_emptied) {
  reports caught;
  kmem_cache* s = kmem_cache_create("pages", sizeof(made), 0, SLAB_TYPESAFE_BY_RCU, construct);
  auto* m = static_cast<made*>(kmem_cache_alloc(s, 0));
  held_reader reader;
  kmem_cache_free(s, m);
  EXPECT_EQ(kmem_cache_shrink(s), 1);
  EXPECT_GT(stats_of(s).resident_bytes, 0u);
  EXPECT_EQ(m->magic, 0x600dc0deu);  // a reader may still look
  reader.leave();
  synchronize_rcu();
  EXPECT_EQ(kmem_cache_shrink(s), 0);
  EXPECT_EQ(stats_of(s).resident_bytes, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(TypeSafe, C4_the_cache_outlives_its_pages) {
  reports caught;
  kmem_cache* s = kmem_cache_create("outlives", sizeof(made), 0, SLAB_TYPESAFE_BY_RCU, construct);
  auto* m = static_cast<made*>(kmem_cache_alloc(s, 0));
  m->uses = 7;
  kmem_cache_free(s, m);
  held_reader reader;
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
  EXPECT_EQ(m->magic, 0x600dc0deu);
  EXPECT_EQ(m->uses, 7u);
  EXPECT_CONTAINS(why(cookie), "type-safe");
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Readers that look at objects after they were freed always find the type, whoever reuses them.
TEST(TypeSafe, C4_readers_never_see_another_type) {
  constructed = 0;
  kmem_cache* s = kmem_cache_create("stress", sizeof(made), 0, SLAB_TYPESAFE_BY_RCU, construct);
  auto* first = static_cast<made*>(kmem_cache_alloc(s, 0));
  made* shared = first;
  std::uint32_t stop = 0;
  std::thread reader([&] {
    while (gs_load_acquire(&stop) == 0) {
      rcu_read_lock();
      made* m = rcu_dereference(shared);
      for (int i = 0; i != 10; ++i) EXPECT_EQ(gs_load_relaxed(&m->magic), 0x600dc0deu);
      rcu_read_unlock();
    }
  });
  for (int i = 0; i != 3000; ++i) {
    auto* next = static_cast<made*>(kmem_cache_alloc(s, 0));
    made* old = shared;
    rcu_assign_pointer(shared, next);
    kmem_cache_free(s, old);
    if (i % 100 == 0) kmem_cache_shrink(s);
  }
  gs_store_release(&stop, 1u);
  reader.join();
  kmem_cache_free(s, shared);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
