// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// SLAB_NO_DETECTION: a cache that keeps no state bytes. What it does not look for is not tried
// here: that corrupts. All else holds.
#include <algorithm>
#include <cstdio>
#include <graceslab/cache.hpp>

#include "watched.hpp"

namespace {

using namespace watched;

struct Undetected : testing::Test {
  reports caught;
  kmem_cache* s = make_cache("undetected", SLAB_NO_DETECTION);
};

TEST_F(Undetected, C1_objects_go_round_by_every_way) {
  for (int round = 0; round != 3; ++round) {
    auto all = take(s, 1000);
    for (std::size_t i = 0; i != all.size(); ++i) {
      if (i % 4 == 0) kmem_cache_free(s, all[i]);
      if (i % 4 == 1) kfree(all[i]);
      if (i % 4 == 2) kfree_rcu(all[i], rcu);
      if (i % 4 == 3) gs_cache_retire(s, all[i]);
    }
    kmem_cache_free_barrier(s);
    auto now = stats_of(s);
    EXPECT_EQ(now.live, 0u);
    EXPECT_EQ(now.retired, now.reclaimed);
  }
  kmem_cache_free(s, nullptr);
  gs_cache_retire(s, nullptr);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Undetected, C1_the_typed_face_sees_the_flag) {
  graceslab::cache<object> typed("typed", {.flags = SLAB_NO_DETECTION});
  for (int i = 0; i != 1000; ++i) {
    object* o = typed.make();
    i % 2 != 0 ? typed.release(o) : typed.retire(o);
  }
  typed.release(nullptr);
  typed.retire(nullptr);
  EXPECT_EQ(typed.barrier(), graceslab::errc::ok);
  EXPECT_EQ(stats_of(typed.native_handle()).live, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Undetected, A4_a_leak_names_what_is_out) {
  auto all = take(s, 100);
  object* out = all.back();
  all.pop_back();
  give(s, all);
  (void)gs_cache_destroy_by(s, GS_POLICY_REPORT, nullptr);
  char address[32];
  std::snprintf(address, sizeof address, "object %p", static_cast<void*>(out));
  EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u);
  EXPECT_CONTAINS(caught.everything(), "1 object allocated");
  EXPECT_CONTAINS(caught.everything(), address);
  kfree(out);
  EXPECT_TRUE(is_gone_soon(s));
}

// The slow path of a full array still looks whose object it is.
TEST_F(Undetected, C2_wrong_cache_is_found_out_of_line) {
  kmem_cache* other = make_cache("other");
  object* o = take(other);
  auto full = take(s, 1);
  kmem_cache_destroy(s);  // lingers: every free of it goes out of line
  caught.forget();
  kmem_cache_free(s, o);
  EXPECT_EQ(caught.count(GS_REPORT_WRONG_CACHE), 1u) << caught.everything();
  kmem_cache_free(other, o);
  give(s, full);
  EXPECT_TRUE(is_gone_soon(s));
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
}

TEST_F(Undetected, C1_debug_flags_contradict_it) {
  EXPECT_EQ(kmem_cache_create("both", 64, 0, SLAB_NO_DETECTION | SLAB_POISON, nullptr), nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_BAD_CACHE_ARGUMENTS), 1u);
  EXPECT_CONTAINS(caught.everything(), "debug flags");
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(UndetectedMemory, K1_marked_objects_come_home_in_their_own_time) {
  reports caught;
  kmem_cache* s = make_cache("undetected", SLAB_NO_DETECTION);
  auto first = take(s, 500), second = take(s, 500), kept = take(s, 10);
  {
    fault none(GS_FAULT_ARRAY);
    {
      held_reader reader;
      retire(first);
      EXPECT_EQ(in_flight(s), first.size());
      retire(second);
      EXPECT_EQ(in_flight(s), first.size() + second.size());
    }
    kmem_cache_free_barrier(s);
    EXPECT_EQ(in_flight(s), 0u);
    EXPECT_EQ(stats_of(s).live, kept.size());
    auto again = take(s, 1000);  // none of them twice, and none that is kept
    std::sort(again.begin(), again.end());
    EXPECT_EQ(std::unique(again.begin(), again.end()), again.end());
    for (object* o : kept) EXPECT_FALSE(std::binary_search(again.begin(), again.end(), o));
    give(s, again);
  }
  give(s, kept);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

}  // namespace
