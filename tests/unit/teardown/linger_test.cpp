// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// L1, L2 of linger.cpp (contract A4, A9): on the list exactly while draining, left once.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "../../scenario/watched.hpp"
#include "slab/sheaves.hpp"
#include "slab/transit.hpp"
#include "teardown/teardown.hpp"

namespace {

using namespace graceslab;

bool on_the_list(const slab::cache& c) {
  sync::lock_guard hold(teardown::lingering_lock);
  for (slab::cache* l = teardown::first_lingering(); l != nullptr; l = l->next_lingering)
    if (l == &c) return true;
  return false;
}

TEST(LingerList, A4_on_it_exactly_while_draining) {
  watched::reports caught;
  kmem_cache* s = watched::make_cache("listed");
  slab::cache& c = *slab::cache_from_handle(s);
  void* live = watched::take(s);
  EXPECT_FALSE(on_the_list(c));
  auto cookie = kmem_cache_destroy_rcu(s);
  EXPECT_TRUE(on_the_list(c));
  EXPECT_EQ(teardown::cookie_of(c), cookie);
  EXPECT_EQ(teardown::find_lingering(cookie), &c);
  EXPECT_EQ(teardown::find_lingering(cookie + (std::uint64_t{1} << 20)), nullptr);
  EXPECT_EQ(teardown::count(c).live, 1u);
  kfree(live);
  // Where the background thread just looks at it, that thread finishes it.
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_FALSE(on_the_list(c));
  EXPECT_EQ(teardown::find_lingering(cookie), nullptr);
}

// A8: what somebody else is taking home just now is not allocated.
TEST(LingerList, A8_what_is_in_hand_is_not_counted_as_allocated) {
  kmem_cache* s = watched::make_cache("in hand");
  slab::cache& c = *slab::cache_from_handle(s);
  watched::retire(watched::take(s, 300));
  kmem_cache_free_barrier(s);
  const std::uint64_t before = teardown::count(c).live;  // our arrays
  std::atomic<bool> taken{false};
  std::thread carrier([&] {
    slab::transit in_hand(c);
    gs_sheaf* sheaf = slab::reclaimed_sheaf(c);
    ASSERT_NE(sheaf, nullptr);
    taken = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    slab::flush(c, sheaf);
    slab::sheaf_delete(sheaf);
  });
  while (!taken) std::this_thread::yield();
  EXPECT_EQ(teardown::count(c).live, before);
  carrier.join();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Claim 1: of many that destroy at once, one closes.
TEST(LingerList, C6_one_closer) {
  for (int round = 0; round != 100; ++round) {
    watched::reports caught;
    kmem_cache* s = watched::make_cache("raced");
    void* live = watched::take(s);
    watched::in_threads(4, [&](int) { (void)kmem_cache_destroy_rcu(s); });
    EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << caught.everything();
    EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 3u) << caught.everything();
    kfree(live);
    EXPECT_TRUE(watched::eventually([s] { return watched::is_gone(s); }));
  }
}

// Claims 3, 4: many late frees and the closer at once, one of them finishes.
TEST(LingerList, A4_one_finisher) {
  watched::reports caught;
  for (int round = 0; round != 200; ++round) {
    kmem_cache* s = watched::make_cache("finished", SLAB_DESTROY_ONCE_FULLY_FREED);
    auto all = watched::take(s, 9);
    watched::in_threads(4, [&](int i) {
      if (i == 0) return (void)kmem_cache_destroy_rcu(s);
      for (std::size_t k = static_cast<std::size_t>(i) - 1; k < 9; k += 3) kfree(all[k]);
    });
    EXPECT_TRUE(watched::eventually([&] { return watched::is_gone(s); })) << round;
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

}  // namespace
