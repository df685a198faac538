// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A5: type-safe caches that are destroyed together share grace periods.
#include "watched.hpp"

namespace {

using namespace watched;

kmem_cache* make_type_safe(int i) {
  return make_cache(("typesafe-" + std::to_string(i)).c_str(), SLAB_TYPESAFE_BY_RCU);
}

TEST(Batched, A5_ten_thousand_type_safe_caches_cost_a_handful_of_grace_periods) {
  reports caught;
  virtual_clock still;  // nothing is trimmed before they are destroyed
  std::vector<kmem_cache*> caches;
  for (int i = 0; i != 10'000; ++i) {
    caches.push_back(make_type_safe(i));
    kmem_cache_free(caches.back(), take(caches.back()));
  }
  const auto before = stats_of(static_cast<gs_domain*>(nullptr));
  {
    held_reader reader;  // they all wait at one moment
    for (auto* s : caches) kmem_cache_destroy(s);
    EXPECT_EQ(stats_of(caches.front()).stage, GS_STAGE_DRAINING);
    EXPECT_EQ(stats_of(caches.back()).stage, GS_STAGE_DRAINING);
  }
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  const auto after = stats_of(static_cast<gs_domain*>(nullptr));
  EXPECT_LT(after.started - before.started, 100u);  // and not ten thousand
  for (auto* s : caches) EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// The same by themselves: nobody waits.
TEST(Batched, A5_without_anyone_waiting) {
  reports caught;
  std::vector<kmem_cache*> caches;
  for (int i = 0; i != 1000; ++i) {
    caches.push_back(make_type_safe(i));
    retire(take(caches.back(), 2));
  }
  const auto before = stats_of(static_cast<gs_domain*>(nullptr));
  {
    held_reader reader;
    for (auto* s : caches) kmem_cache_destroy(s);
  }
  EXPECT_TRUE(eventually([&] {
    for (auto* s : caches)
      if (!is_gone(s)) return false;
    return true;
  }));
  const auto after = stats_of(static_cast<gs_domain*>(nullptr));
  EXPECT_LT(after.started - before.started, 100u);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Caches that come and go faster than the background thread looks: none is lost on the way.
TEST(Batched, A4_churn_never_strands_a_lingering_cache) {
  reports caught;
  std::vector<kmem_cache*> lingering;
  for (int i = 0; i != 2000; ++i) {
    kmem_cache* brief = make_cache("brief");
    kmem_cache_free(brief, take(brief));
    kmem_cache_destroy(brief);
    if (i % 50 != 0) continue;
    lingering.push_back(make_cache("lingering"));
    retire(take(lingering.back(), 1));
    kmem_cache_destroy(lingering.back());
  }
  EXPECT_TRUE(eventually([&] {
    for (auto* s : lingering)
      if (!is_gone(s)) return false;
    return true;
  }));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

}  // namespace
