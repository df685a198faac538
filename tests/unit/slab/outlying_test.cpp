// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// O1: the registry of outlying runs against a shadow model; what they weigh while they are retired.
#include "slab/outlying.hpp"

#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "rcu/rcu.hpp"
#include "slab/large.hpp"

namespace {

using namespace graceslab;
using slab::granule_bytes;

std::uint64_t pending_bytes() {
  return gs_load_relaxed(&rcu::room(rcu::default_domain()).pending_bytes);
}

TEST(OutlyingRegistry, C2_every_pointer_finds_its_run_and_no_other) {
  const std::uint32_t seed = 20'241'017;
  SCOPED_TRACE(seed);
  std::minstd_rand random(seed);
  slab::cache* c = slab::large_cache();
  ASSERT_NE(c, nullptr);
  sync::lock_guard hold(c->slabs_lock);
  ASSERT_FALSE(slab::any_outlying());
  std::map<int, slab::slab> shadow;  // it holds the descriptors themselves: they stay there
  for (int step = 0; step != 4000; ++step) {
    if (shadow.size() < 300 && (random() % 2 == 0 || shadow.empty())) {
      slab::slab s = {};
      s.owner = c;
      s.granules = 1 + random() % 4;
      slab::slab* placed = &shadow.emplace(step, s).first->second;
      ASSERT_TRUE(slab::outlying_map(*placed, 1));
      slab::outlying_add(*placed);
      placed->start[0] = placed->start[placed->granules * granule_bytes - 1] = 1;
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(placed->start) % granule_bytes, 0u);
    } else {
      auto victim = std::next(shadow.begin(), static_cast<long>(random() % shadow.size()));
      slab::outlying_remove(victim->second);
      slab::outlying_unmap(victim->second);
      ASSERT_EQ(slab::outlying_at(victim->second.start), nullptr);
      shadow.erase(victim);
    }
    if (step % 50 != 0) continue;
    ASSERT_EQ(slab::any_outlying(), !shadow.empty());
    for (auto& [key, s] : shadow)
      for (std::size_t at : {std::size_t{0}, granule_bytes / 2, s.granules * granule_bytes - 1})
        ASSERT_EQ(slab::outlying_at(s.start + at), &s) << step;
  }
  for (auto& [key, s] : shadow) {
    slab::outlying_remove(s);
    slab::outlying_unmap(s);
  }
  EXPECT_FALSE(slab::any_outlying());
}

TEST(OutlyingRuns, K6_weigh_what_they_are_while_they_are_retired) {
  ASSERT_TRUE(slab::heap_ready());
  kfree_rcu_barrier();
  const std::uint64_t before = pending_bytes();
  const std::size_t bytes = gs_heap.bytes + 12'345;
  void* p = kmalloc(bytes, GFP_KERNEL);
  ASSERT_NE(p, nullptr);
  EXPECT_TRUE(slab::any_outlying());
  rcu_read_lock();
  gs_retire(p);
  EXPECT_EQ(pending_bytes() - before, ksize(p));
  EXPECT_GE(ksize(p), bytes);
  rcu_read_unlock();
  kfree_rcu_barrier();
  EXPECT_EQ(pending_bytes(), before);
  EXPECT_FALSE(slab::any_outlying());
}

}  // namespace
