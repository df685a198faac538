// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C1, C2: the debug flags of a cache, and provenance with stacks.
#include <atomic>
#include <cstring>

#include "watched.hpp"

namespace {

using namespace watched;

constexpr unsigned every_flag =
    SLAB_POISON | SLAB_RED_ZONE | SLAB_STORE_USER | SLAB_CONSISTENCY_CHECKS;

class Debug : public testing::Test {
 protected:
  reports caught;
};

TEST_F(Debug, C1_a_debug_cache_works_like_another) {
  for (unsigned flags = 0; flags <= every_flag; flags += SLAB_POISON) {
    for (std::size_t size : {1u, 24u, 64u, 5000u, 20'000u}) {
      SCOPED_TRACE(std::to_string(size) + " " + std::to_string(flags));
      kmem_cache* s = kmem_cache_create("debug", size, 0, flags & every_flag, nullptr);
      ASSERT_NE(s, nullptr);
      std::vector<void*> all(20);
      for (int round = 0; round != 3; ++round) {
        for (auto& p : all) {
          p = kmem_cache_zalloc(s, 0);
          ASSERT_NE(p, nullptr);
          std::memset(p, 0x5a, size);
        }
        EXPECT_EQ(stats_of(s).live, all.size());
        for (std::size_t i = 0; i != all.size(); ++i)
          i % 2 == 0 ? kmem_cache_free(s, all[i]) : gs_retire(all[i]);
        kmem_cache_free_barrier(s);
      }
      EXPECT_EQ(gs_cache_validate(s), 0);
      EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
    }
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// In what follows another object keeps the slab: an empty one may go back before anybody looks.
TEST_F(Debug, C2_poison_finds_a_write_after_free) {
  kmem_cache* s = make_cache("poisoned", SLAB_POISON | SLAB_STORE_USER);
  object* neighbour = take(s);
  auto* o = reinterpret_cast<char*>(take(s));
  kmem_cache_free(s, o);
  o[20] = 1;
  object* next = take(s);
  EXPECT_NE(reinterpret_cast<char*>(next), o);  // left alone
  ASSERT_EQ(caught.count(GS_REPORT_CORRUPT_OBJECT), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "'poisoned'");
  EXPECT_CONTAINS(caught.everything(), "offset 20");
  EXPECT_CONTAINS(caught.everything(), "allocated by thread");
  EXPECT_CONTAINS(caught.everything(), "freed by thread");
  EXPECT_EQ(stats_of(s).leaked, 1u);
  kmem_cache_free(s, next);
  kmem_cache_free(s, neighbour);
}

// While readers may look, a retired object keeps its contents; a write after that is found.
TEST_F(Debug, C2_poison_after_the_grace_period_only) {
  kmem_cache* s = make_cache("retired", SLAB_POISON);
  object* neighbour = take(s);
  object* o = take(s);
  o->value[0] = 7;
  {
    held_reader reader;
    kfree_rcu(o, rcu);
    EXPECT_EQ(o->value[0], 7u);
  }
  kmem_cache_free_barrier(s);
  EXPECT_EQ(o->value[0], 0x6b6b6b6b6b6b6b6bu);
  o->value[0] = 8;
  EXPECT_EQ(gs_cache_validate(s), 1);
  EXPECT_EQ(caught.count(GS_REPORT_CORRUPT_OBJECT), 1u) << caught.everything();
  kmem_cache_free(s, neighbour);
}

TEST_F(Debug, C2_red_zone_finds_a_write_past_the_end) {
  kmem_cache* s = kmem_cache_create("zoned", 40, 0, SLAB_RED_ZONE, nullptr);
  for (bool by_retire : {false, true}) {
    caught.forget();
    auto* p = static_cast<char*>(kmem_cache_alloc(s, 0));
    p[40] = 0;
    EXPECT_EQ(gs_cache_validate(s), 1);
    EXPECT_EQ(caught.count(GS_REPORT_CORRUPT_OBJECT), 1u) << caught.everything();
    by_retire ? gs_retire(p) : kmem_cache_free(s, p);
    EXPECT_EQ(caught.count(GS_REPORT_CORRUPT_OBJECT), 2u) << caught.everything();
    EXPECT_CONTAINS(caught.everything(), "offset 40");
  }
  EXPECT_EQ(stats_of(s).leaked, 2u);
  EXPECT_EQ(gs_cache_validate(s), 0);  // given up, and not said again
}

TEST_F(Debug, C1_store_user_tells_who_allocated_and_who_freed) {
  kmem_cache* s = make_cache("users", SLAB_STORE_USER);
  object* o = take(s);
  gs_dump_object(o);
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "allocated by thread");
  held_reader reader;  // it stays retired
  kfree_rcu(o, rcu);
  caught.forget();
  gs_dump_object(o);
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "retired");
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "retired by thread");
  caught.forget();
  kmem_cache_free(s, o);
  EXPECT_CONTAINS(caught.text(GS_REPORT_FREE_OF_RETIRED), "retired by thread")
      << caught.everything();
  caught.forget();
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Debug, C3_constructed_objects_keep_their_state_in_a_poisoned_cache) {
  kmem_cache* s = kmem_cache_create("constructed", sizeof(object), 0, every_flag,
                                    [](void* p) { static_cast<object*>(p)->value[0] = 77; });
  for (int i = 0; i != 50; ++i) {
    object* o = take(s);
    EXPECT_EQ(o->value[0], 77u);
    i % 2 == 0 ? kmem_cache_free(s, o) : gs_retire(o);
  }
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Debug, K1_debug_caches_under_many_threads) {
  kmem_cache* s = make_cache("threads", every_flag);
  in_threads(4, [&](int i) {
    for (int round = 0; round != 20; ++round) {
      auto all = take(s, 30);
      for (auto* o : all) std::memset(static_cast<void*>(o), i, sizeof *o);
      for (std::size_t k = 0; k != all.size(); ++k)
        k % 2 == 0 ? kmem_cache_free(s, all[k]) : gs_retire(all[k]);
    }
  });
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// What threads have in hand, between one state and the next, is nobody's damage.
TEST_F(Debug, C2_validation_beside_busy_threads_finds_nothing) {
  for (unsigned flags : {unsigned{SLAB_POISON | SLAB_RED_ZONE}, every_flag}) {
    kmem_cache* s = kmem_cache_create("validated", 200, 0, flags, nullptr);
    std::atomic<int> rounds_left{200};
    std::vector<std::thread> busy;
    for (int i = 0; i != 2; ++i)
      busy.emplace_back([&] {
        while (--rounds_left >= 0) {
          void* all[16];
          for (void*& p : all) p = std::memset(kmem_cache_alloc(s, 0), 0x11, 200);
          for (void*& p : all) (&p - all) % 4 == 0 ? gs_retire(p) : kmem_cache_free(s, p);
        }
      });
    int damaged = 0;
    while (rounds_left > 0) damaged += gs_cache_validate(s);
    for (auto& t : busy) t.join();
    EXPECT_EQ(damaged, 0);
    EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
    EXPECT_EQ(caught.total(), 0u) << caught.everything();
  }
}

}  // namespace
