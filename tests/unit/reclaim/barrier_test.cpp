// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A3: callers of the global barrier share its work. A3, A7: barriers wait for what is in hand. C5:
// empty arrays are bounded as full ones are.
#include <graceslab/kernel/slab.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "../../scenario/watched.hpp"
#include "os/fence.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/depots.hpp"
#include "slab/locals.hpp"
#include "slab/transit.hpp"

namespace {

using namespace graceslab;

// Sixteen callers behind one reader. The count of barriers rises by two for every wait that was
// really made: the one that runs, and one for all who came meanwhile.
std::uint64_t waits_of_sixteen_callers(kmem_cache* s) {
  constexpr int callers = 16;
  const std::uint64_t before = gs_load_seq_cst(&rcu::room(rcu::default_domain()).barriers);
  std::uint32_t arrived = 0;
  std::vector<std::thread> all;
  {
    watched::held_reader reader;
    kfree_rcu(watched::take(s), rcu);
    for (int i = 0; i != callers; ++i)
      all.emplace_back([&] {
        gs_fetch_add(&arrived, 1u);
        kfree_rcu_barrier();
      });
    EXPECT_TRUE(watched::eventually([&] { return gs_load_acquire(&arrived) == callers; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (auto& t : all) t.join();
  EXPECT_EQ(watched::in_flight(s), 0u);
  return (gs_load_seq_cst(&rcu::room(rcu::default_domain()).barriers) - before) / 2;
}

TEST(GlobalBarrier, A3_callers_that_wait_together_share_one_wait) {
  kmem_cache* s = watched::make_cache("shared");
  // A caller that was preempted on its way may come too late and need one of its own.
  bool shared = false;
  for (int round = 0; round != 20 && !shared; ++round) shared = waits_of_sixteen_callers(s) <= 3;
  EXPECT_TRUE(shared);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(GlobalBarrier, A3_many_caches_share_their_fences) {
  if (os::fence_mode() != GS_FENCE_MEMBARRIER) GTEST_SKIP() << "no arrays to seize";
  constexpr unsigned caches = 640;
  std::vector<kmem_cache*> all;
  for (unsigned i = 0; i != caches; ++i) all.push_back(watched::make_cache("one of many"));
  std::uint64_t fewest = ~std::uint64_t{0};
  for (int round = 0; round != 10; ++round) {
    for (kmem_cache* s : all) watched::retire(watched::take(s, 3));
    const std::uint64_t before = os::heavy_fences();
    kfree_rcu_barrier();
    fewest = std::min(fewest, os::heavy_fences() - before);
    for (kmem_cache* s : all) ASSERT_EQ(watched::in_flight(s), 0u);
  }
  // One for each batch of caches, and some of the grace period's and the background thread's.
  EXPECT_LT(fewest, caches / 4);
  for (kmem_cache* s : all) EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Retired objects that somebody has seized and not yet deferred stand in no list: a barrier waits
// until they do, and then for their grace period.
void waits_for_what_is_in_hand(void (*barrier)(kmem_cache*)) {
  if (os::fence_mode() != GS_FENCE_MEMBARRIER) GTEST_SKIP() << "no arrays to seize";
  kmem_cache* s = watched::make_cache("in hand");
  slab::cache& c = *slab::cache_from_handle(s);
  watched::gate seized;
  std::uint32_t put_back = 0;
  std::uint64_t retired = 0;
  std::thread carrier([&] {
    slab::transit in_hand(c);
    slab::spoils taken;
    while (taken.retired.head == nullptr) {  // unless the background thread was faster
      kfree_rcu(watched::take(s), rcu);
      ++retired;
      ASSERT_TRUE(slab::seize(c, slab::seize_what::retired, slab::seize_then::reopen, &taken));
    }
    seized.open();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    gs_store_release(&put_back, 1u);
    slab::settle_spoils(c, taken);
  });
  seized.pass();
  barrier(s);
  EXPECT_EQ(gs_load_acquire(&put_back), 1u);
  EXPECT_EQ(watched::stats_of(s).reclaimed, retired);
  carrier.join();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(CacheBarrier, A7_waits_for_what_another_thread_has_in_hand) {
  waits_for_what_is_in_hand([](kmem_cache* s) { kmem_cache_free_barrier(s); });
}

TEST(GlobalBarrier, A3_waits_for_what_another_thread_has_in_hand) {
  waits_for_what_is_in_hand([](kmem_cache*) { kfree_rcu_barrier(); });
}

TEST(Barn, C5_empty_arrays_are_bounded) {
  kmem_cache* s = watched::make_cache("emptied");
  watched::retire(watched::take(s, 20'000));
  kmem_cache_free_barrier(s);
  auto all = watched::take(s, 20'000);  // empties every array that came home
  slab::cache& c = *slab::cache_from_handle(s);
  std::uint32_t empty = 0;
  for (slab::depot& d : slab::depots_of(c)) {
    sync::lock_guard hold(d.lock);
    EXPECT_LE(d.empty.count, slab::barn_limit);
    empty += d.empty.count;
  }
  EXPECT_GT(empty, 0u);
  watched::give(s, all);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
