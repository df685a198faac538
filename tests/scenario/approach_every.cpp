// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What holds for every approach (A1 to A10): NULL, names, live objects, late frees, stages,
// callbacks.
#include "watched.hpp"

namespace {

using namespace watched;

struct approach {
  const char* name;
  unsigned flags;
  void (*end)(kmem_cache* s);
  // Else a test's name holds its bytes, which are addresses.
  friend void PrintTo(const approach& a, std::ostream* out) { *out << a.name; }
};
const approach approaches[] = {
    {"A1", 0,
     [](kmem_cache* s) {
       rcu_barrier();
       kmem_cache_destroy(s);
     }},
    {"A3", 0,
     [](kmem_cache* s) {
       kfree_rcu_barrier();
       kmem_cache_destroy(s);
     }},
    {"A4", 0, [](kmem_cache* s) { kmem_cache_destroy(s); }},
    {"A5", SLAB_TYPESAFE_BY_RCU, [](kmem_cache* s) { kmem_cache_destroy(s); }},
    {"A6", 0, [](kmem_cache* s) { (void)gs_cache_destroy_by(s, GS_POLICY_REPORT, nullptr); }},
    {"A7", 0,
     [](kmem_cache* s) {
       kmem_cache_free_barrier(s);
       kmem_cache_destroy(s);
     }},
    {"A8", 0, [](kmem_cache* s) { (void)kmem_cache_destroy_wait(s); }},
    {"A9", 0, [](kmem_cache* s) { (void)kmem_cache_destroy_rcu(s); }},
    {"A10", SLAB_DESTROY_ONCE_FULLY_FREED, [](kmem_cache* s) { kmem_cache_destroy(s); }},
    // The same without detection: no approach leans on state bytes.
    {"A1_undetected", SLAB_NO_DETECTION,
     [](kmem_cache* s) {
       rcu_barrier();
       kmem_cache_destroy(s);
     }},
    {"A3_undetected", SLAB_NO_DETECTION,
     [](kmem_cache* s) {
       kfree_rcu_barrier();
       kmem_cache_destroy(s);
     }},
    {"A4_undetected", SLAB_NO_DETECTION, [](kmem_cache* s) { kmem_cache_destroy(s); }},
    {"A5_undetected", SLAB_NO_DETECTION | SLAB_TYPESAFE_BY_RCU,
     [](kmem_cache* s) { kmem_cache_destroy(s); }},
    {"A6_undetected", SLAB_NO_DETECTION,
     [](kmem_cache* s) { (void)gs_cache_destroy_by(s, GS_POLICY_REPORT, nullptr); }},
    {"A7_undetected", SLAB_NO_DETECTION,
     [](kmem_cache* s) {
       kmem_cache_free_barrier(s);
       kmem_cache_destroy(s);
     }},
    {"A8_undetected", SLAB_NO_DETECTION, [](kmem_cache* s) { (void)kmem_cache_destroy_wait(s); }},
    {"A9_undetected", SLAB_NO_DETECTION, [](kmem_cache* s) { (void)kmem_cache_destroy_rcu(s); }},
    {"A10_undetected", SLAB_NO_DETECTION | SLAB_DESTROY_ONCE_FULLY_FREED,
     [](kmem_cache* s) { kmem_cache_destroy(s); }},
};

class EveryApproach : public testing::TestWithParam<approach> {
 protected:
  kmem_cache* make(const char* name) { return make_cache(name, GetParam().flags); }
  void end(kmem_cache* s) { GetParam().end(s); }
  reports caught;
};
INSTANTIATE_TEST_SUITE_P(Paper, EveryApproach, testing::ValuesIn(approaches),
                         [](const auto& a) { return std::string(a.param.name); });

TEST_P(EveryApproach, NULL_is_a_no_op) {
  end(nullptr);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_P(EveryApproach, with_everything_home_it_ends_in_silence) {
  kmem_cache* s = make("home");
  in_threads(3, [&](int) {
    give(s, take(s, 200));
    retire(take(s, 200));
  });
  kfree_rcu_barrier();
  end(s);
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_TRUE(is_gone_soon(s));  // that barrier does not wait for A10
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_P(EveryApproach, the_name_is_free_at_once) {
  kmem_cache* s = make("name");
  object* out = take(s);
  end(s);
  kmem_cache* again = make("name");
  ASSERT_NE(again, nullptr);
  object* o = take(again);
  EXPECT_NE(o, out);
  kmem_cache_free(again, o);
  EXPECT_EQ(kmem_cache_destroy_wait(again), 0);
  kfree(out);
  EXPECT_TRUE(is_gone_soon(s));
}

// Live objects stay readable and writable, whatever happens meanwhile, and may come home late.
TEST_P(EveryApproach, live_objects_never_crash_and_late_frees_are_safe) {
  kmem_cache* s = make("live");
  auto live = take(s, 100);
  retire(take(s, 100));
  end(s);
  kmem_cache* other = make_cache("other");
  auto others = take(other, 5000);
  for (auto* o : others) o->value[5] = 1;
  for (auto* o : live) o->value[5] = 2;
  auto now = stats_of(s);
  EXPECT_EQ(now.stage, GS_STAGE_DRAINING);
  EXPECT_EQ(now.live, live.size());
  for (auto* o : others) EXPECT_EQ(o->value[5], 1u);
  give(other, others);
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
  for (auto* o : live) EXPECT_EQ(o->value[5], 2u);
  in_threads(2, [&](int i) {
    for (std::size_t k = static_cast<std::size_t>(i); k < live.size(); k += 2)
      k % 4 < 2 ? kfree(live[k]) : gs_retire(live[k]);
  });
  EXPECT_TRUE(is_gone_soon(s));
}

TEST_P(EveryApproach, inside_a_callback_it_lingers) {
  kmem_cache* s = make("callback");
  object* live = take(s);
  in_callback([&] {
    if (std::string(GetParam().name) == "A1") return kmem_cache_destroy(s);  // R5 has the barrier
    end(s);
  });
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
  kfree(live);
  EXPECT_TRUE(is_gone_soon(s));
}

TEST_P(EveryApproach, inside_a_section_it_lingers) {
  if (std::string(GetParam().name) == "A1") GTEST_SKIP() << "R5 has the barrier";
  kmem_cache* s = make("section");
  rcu_read_lock();
  retire(take(s, 10));
  end(s);
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
  rcu_read_unlock();
  EXPECT_TRUE(is_gone_soon(s));
}

TEST_P(EveryApproach, statistics_say_which_stage_it_waits_in) {
  kmem_cache* s = make("stages");
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_OPEN);
  object* live = take(s);
  end(s);
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
  static int seen;
  seen = 0;
  gs_caches_visit(
      [](const gs_cache_stats* c, void*) {
        if (std::string(c->name) == "stages") seen += c->stage == GS_STAGE_DRAINING;
      },
      nullptr);
  EXPECT_EQ(seen, 1);
  kfree(live);
  ASSERT_TRUE(is_gone_soon(s));
  gs_caches_visit([](const gs_cache_stats* c, void*) { EXPECT_STRNE(c->name, "stages"); }, nullptr);
}

// Frees and retires by other threads while the cache is being destroyed.
TEST_P(EveryApproach, races_with_the_last_frees) {
  for (int round = 0; round != 30; ++round) {
    kmem_cache* s = make("race");
    auto all = take(s, 300);
    in_threads(4, [&](int i) {
      if (i == 0) return end(s);
      for (std::size_t k = static_cast<std::size_t>(i) - 1; k < all.size(); k += 3)
        k % 2 == 0 ? kfree(all[k]) : gs_retire(all[k]);
    });
    EXPECT_TRUE(is_gone_soon(s)) << round;
  }
  EXPECT_EQ(caught.count(GS_REPORT_LEAK), 0u) << caught.everything();
}

}  // namespace
