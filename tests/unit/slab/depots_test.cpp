// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A barn of several depots, as machines with many cores have it. Runs in a process of its own with
// GRACESLAB_DEPOTS set, as the number is fixed before the first cache.
#include "slab/depots.hpp"

#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <vector>

#include "../../scenario/watched.hpp"
#include "../rcu/observed.hpp"
#include "equations.hpp"
#include "os/cores.hpp"
#include "slab/sheaves.hpp"

namespace {

using namespace graceslab;

constexpr std::size_t objects = 64 * 8;

bool run_on(unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

std::vector<void*> take(kmem_cache* s, std::size_t n) {
  std::vector<void*> all(n);
  for (void*& p : all) p = kmem_cache_alloc(s, GFP_KERNEL);
  return all;
}

// The background thread looks after the cache meanwhile.
std::uint32_t full_sheaves(slab::depot& d) {
  sync::lock_guard hold(d.lock);
  return d.full.count;
}

std::uint64_t retired(slab::depot& d) {
  sync::lock_guard hold(d.lock);
  return d.retired;
}

// Two cores of different shares, or the same twice.
std::pair<unsigned, unsigned> two_cores() {
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof allowed, &allowed);
  unsigned first = CPU_SETSIZE;
  for (unsigned core = 0; core != CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed)) continue;
    if (first == CPU_SETSIZE) first = core;
    if (os::share_of_core(core) != os::share_of_core(first)) return {first, core};
  }
  return {first, first};
}

TEST(DepotsAgain, DISABLED_found_from_another_core) {
  kmem_cache* s = kmem_cache_create("split", 64, 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  ASSERT_EQ(slab::depot_count, 2u);
  auto [here, there] = two_cores();
  if (here == there) GTEST_SKIP() << "one core, or all of one share";

  ASSERT_TRUE(run_on(here));
  std::vector<void*> all = take(s, objects);
  for (void* p : all) kmem_cache_free(s, p);
  slab::depot& mine = c.depots[os::share_of_core(here)];
  slab::depot& other = c.depots[os::share_of_core(there)];
  EXPECT_GT(full_sheaves(mine), 0u);
  EXPECT_EQ(full_sheaves(other), 0u);
  const std::uint64_t carved = watched::stats_of(s).carved;

  // The other core finds them before the cache grows.
  ASSERT_TRUE(run_on(there));
  all = take(s, objects);
  EXPECT_EQ(full_sheaves(mine), 0u);
  EXPECT_EQ(watched::stats_of(s).carved, carved);
  equations::check_cache(c);

  // Retired here and there; one barrier finds both.
  for (std::size_t i = 0; i != objects / 2; ++i) gs_cache_retire(s, all[i]);
  ASSERT_TRUE(run_on(here));
  for (std::size_t i = objects / 2; i != objects; ++i) gs_cache_retire(s, all[i]);
  EXPECT_GT(retired(mine), 0u);
  EXPECT_GT(retired(other), 0u);
  kmem_cache_free_barrier(s);
  const gs_cache_stats now = watched::stats_of(s);
  EXPECT_EQ(now.retired, objects);
  EXPECT_EQ(now.reclaimed, objects);
  EXPECT_EQ(now.live, 0u);
  equations::check_cache(c);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Depots, C5_SheavesAreFoundAndCountedInAllOfThem) {
  const observed::outcome o =
      observed::run_again("DepotsAgain.DISABLED_found_from_another_core",
                          {"GRACESLAB_DEPOTS=2", "GRACESLAB_PARK_AGE_MS=100000"});
  EXPECT_EQ(o.status, 0) << o.errors;
}

TEST(Depots, OneWhereCoresAreFew) {
  kmem_cache* s = kmem_cache_create("one", 64, 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  EXPECT_EQ(slab::depot_count == 1, c.depots == &c.first_depot);
  EXPECT_LE(slab::depot_count, slab::depots_most);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
