// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// H1, H2: runs of granules against a shadow model.
#include "slab/heap.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <iterator>
#include <map>
#include <random>

namespace {

using namespace graceslab;
using slab::granule_bytes;

constexpr std::uint32_t some_cache = 0xfffff;  // an id that no cache has

class Heap : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(slab::heap_ready()); }
  std::uint32_t take(std::uint32_t n, std::uint32_t align = 1) {
    bool refused;
    std::uint32_t run = slab::heap_take(n, align, 0, &refused);
    EXPECT_NE(run, 0u);
    slab::heap_publish(run, n, some_cache, nullptr);
    return run;
  }
};

TEST_F(Heap, C1_runs_never_overlap_and_are_coalesced_again) {
  const std::uint32_t seed = 20'240'611;
  SCOPED_TRACE(seed);
  std::minstd_rand random(seed);
  std::map<std::uint32_t, std::uint32_t> shadow;  // first -> length
  std::uint32_t first_ever = take(1);
  shadow[first_ever] = 1;
  std::uint32_t highest = 0;
  for (int step = 0; step != 20'000; ++step) {
    if (shadow.size() < 200 && (random() % 2 == 0 || shadow.empty())) {
      std::uint32_t n = random() % 10 == 0 ? 1 + random() % 100 : 1 + random() % 8;
      const std::uint32_t align = random() % 4 == 0 ? 1u << random() % 7 : 1;
      std::uint32_t run = take(n, align);
      ASSERT_EQ(
          reinterpret_cast<std::uintptr_t>(slab::granule_address(run)) % (align * granule_bytes),
          0u);
      auto after = shadow.lower_bound(run);
      ASSERT_TRUE(after == shadow.end() || run + n <= after->first) << step;
      if (after != shadow.begin()) {
        auto before = std::prev(after);
        ASSERT_LE(before->first + before->second, run) << step;
      }
      shadow[run] = n;
      highest = std::max(highest, run + n);
      ASSERT_NE(slab::granule_of(slab::granule_address(run + n - 1)), nullptr);
    } else {
      auto victim = shadow.begin();
      std::advance(victim, random() % shadow.size());
      slab::heap_give(victim->first, victim->second);
      ASSERT_EQ(slab::granule_of(slab::granule_address(victim->first)), nullptr);
      shadow.erase(victim);
    }
  }
  // Bounded: the peak is 200 runs of at most 100 granules, whatever came and went.
  EXPECT_LT(highest, first_ever + 200u * 100);
  for (auto [run, n] : shadow) slab::heap_give(run, n);
  // Everything is one run again: a request as large as all of it fits where it began.
  std::uint32_t whole = take(highest - first_ever);
  EXPECT_LE(whole, first_ever);
  slab::heap_give(whole, highest - first_ever);
}

TEST_F(Heap, C1_a_run_that_is_not_published_is_nobodys) {
  bool refused;
  std::uint32_t run = slab::heap_take(2, 1, 0, &refused);
  EXPECT_EQ(slab::granule_of(slab::granule_address(run)), nullptr);
  slab::heap_publish(run, 2, some_cache, nullptr);
  EXPECT_NE(slab::granule_of(slab::granule_address(run) + granule_bytes), nullptr);
  EXPECT_EQ(slab::granule_of(slab::granule_address(run))->first, run);
  slab::heap_give(run, 2);
  EXPECT_EQ(slab::granule_of(slab::granule_address(run)), nullptr);
}

TEST_F(Heap, C6_more_than_the_range_is_refused) {
  auto all = static_cast<std::uint32_t>(gs_heap.bytes >> GS_GRANULE_SHIFT);
  bool refused = true;
  EXPECT_EQ(slab::heap_take(all, 1, 0, &refused), 0u);
  EXPECT_FALSE(refused);  // there is no room, whatever the system would give
  EXPECT_EQ(slab::heap_take(all + 1, 1, 0, &refused), 0u);
  EXPECT_FALSE(refused);
  std::uint32_t run = take(1);
  slab::heap_give(run, 1);
}

TEST_F(Heap, C2_pointers_outside_are_nobodys) {
  int local;
  EXPECT_EQ(slab::granule_of(&local), nullptr);
  EXPECT_EQ(slab::granule_of(nullptr), nullptr);
  EXPECT_EQ(slab::granule_of(reinterpret_cast<void*>(gs_heap.base - 1)), nullptr);
  EXPECT_EQ(slab::granule_of(reinterpret_cast<void*>(gs_heap.base)), nullptr);
  EXPECT_EQ(slab::granule_of(reinterpret_cast<void*>(gs_heap.base + gs_heap.bytes)), nullptr);
  const std::uintptr_t last = gs_heap.base + gs_heap.bytes - 1;
  EXPECT_EQ(slab::granule_of(reinterpret_cast<void*>(last)), nullptr);
}

}  // namespace
