// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B6: what is done under a lock that alloc, free and retire take does not grow with the number of
// slabs. Instructions are counted, not time.
#include <graceslab/kernel/rcupdate.h>
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <vector>

#include "../../fastpath/steps.h"
#include "equations.hpp"
#include "observe/observe.hpp"

namespace {

using namespace graceslab;

// Objects of which a thread keeps one: they are retired by their state byte, in their slabs.
class BoundedHolds : public testing::Test {
 protected:
  static constexpr std::size_t object_bytes = 128 << 10, slabs = 1500;

  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer is in the way of the trap flag";
#endif
    ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0);
    s = kmem_cache_create("many slabs", object_bytes, 0, 0, nullptr);
    c = slab::cache_from_handle(s);
    all.resize(slabs * c->slab_objects);
    for (void*& p : all) ASSERT_NE(p = kmem_cache_alloc(s, GFP_KERNEL), nullptr);
    ASSERT_GE(c->full_slabs.count, slabs);
    steps_begin();
  }
  void* one_of(std::size_t slab) { return all[slab * c->slab_objects]; }
  static void expect_few(void* (*run)(kmem_cache*, void*), kmem_cache* s, void* arg) {
    static steps seen;
    (void)steps_of(run, s, arg, &seen);
    EXPECT_LT(seen.count, std::size_t{STEPS_MAX});
  }

  kmem_cache* s = nullptr;
  slab::cache* c = nullptr;
  std::vector<void*> all;
};

TEST_F(BoundedHolds, B6_cookies_of_marked_objects_are_found) {
  rcu_read_lock();
  for (std::size_t i = 0; i != slabs; ++i) gs_retire(one_of(i));
  static std::uint64_t oldest, newest;
  expect_few(
      [](kmem_cache* of, void*) -> void* {
        slab::cache& marked = *slab::cache_from_handle(of);
        oldest = slab::oldest_mark(marked);
        newest = slab::newest_mark(marked);
        return nullptr;
      },
      s, nullptr);
  EXPECT_NE(oldest, 0u);
  EXPECT_LE(oldest, newest);
  equations::check_cache(*c);
  rcu_read_unlock();
}

TEST_F(BoundedHolds, B6_the_marked_objects_that_are_ready_are_gathered) {
  slab::mark(*c, one_of(0));  // without the collecting that a retire may bring on
  synchronize_rcu();
  rcu_read_lock();
  for (std::size_t i = 1; i != slabs; ++i) slab::mark(*c, one_of(i));
  static void* gathered[16];
  static std::uint32_t n;
  expect_few(
      [](kmem_cache* of, void*) -> void* {
        n = slab::gather_marked(*slab::cache_from_handle(of), gathered, 16);
        return nullptr;
      },
      s, nullptr);
  EXPECT_EQ(n, 1u);
  EXPECT_EQ(gathered[0], one_of(0));
  rcu_read_unlock();
}

TEST_F(BoundedHolds, B6_statistics_are_read) {
  static gs_cache_stats stats;
  expect_few(
      [](kmem_cache* of, void*) -> void* {
        gs_cache_read_stats(of, &stats);
        return nullptr;
      },
      s, nullptr);
  EXPECT_EQ(stats.live, all.size());
  EXPECT_GE(stats.slabs, slabs);
}

}  // namespace
