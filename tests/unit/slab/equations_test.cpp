// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I2, K1, K3: after random operations by many threads every equation of a cache holds.
#include "equations.hpp"

#include <graceslab/kernel/slab.h>

#include <random>
#include <thread>
#include <vector>

#include "reclaim/reclaim.hpp"

namespace {

using namespace graceslab;

struct kind {
  const char* name;
  std::size_t size;
  unsigned flags;
  bool destructor;
  std::uint32_t failing_arrays_per_million;
  // Else a test's name holds its bytes, which are addresses.
  friend void PrintTo(const kind& k, std::ostream* out) { *out << k.name; }
};
const kind kinds[] = {
    {"small", 24, 0, false, 0},
    {"two_KiB", 2048, 0, false, 0},
    {"large", 100'000, 0, false, 0},
    {"type_safe", 64, SLAB_TYPESAFE_BY_RCU, false, 0},
    {"destructor", 64, 0, true, 0},
    {"debug", 64, SLAB_POISON | SLAB_RED_ZONE | SLAB_STORE_USER, false, 0},
    {"few_arrays", 64, 0, false, 500'000},
    {"no_arrays", 64, 0, false, 1'000'000},
    {"few_arrays_destructor", 64, 0, true, 500'000},
    {"undetected", 64, SLAB_NO_DETECTION, false, 0},
    {"undetected_type_safe", 64, SLAB_NO_DETECTION | SLAB_TYPESAFE_BY_RCU, false, 0},
    {"undetected_no_arrays", 64, SLAB_NO_DETECTION, false, 1'000'000},
    {"undetected_few_arrays_destructor", 64, SLAB_NO_DETECTION, true, 500'000},
};

class Equations : public testing::TestWithParam<kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, Equations, testing::ValuesIn(kinds),
                         [](const auto& k) { return std::string(k.param.name); });

void act(kmem_cache* s, std::minstd_rand& random, std::vector<void*>& mine) {
  const auto what = random() % 100;
  if (what < 50 || mine.empty()) {
    if (void* p = kmem_cache_alloc(s, 0)) mine.push_back(p);
  } else if (what < 97) {
    void* p = mine.back();
    mine.pop_back();
    what < 70 ? kmem_cache_free(s, p) : what < 95 ? gs_retire(p) : kfree_rcu_mightsleep(p);
  } else if (what == 97) {
    kmem_cache_shrink(s);
  } else if (what == 98) {
    kmem_cache_free_barrier(s);
  } else {
    rcu_read_lock();
    gs_retire(kmem_cache_alloc(s, 0));
    rcu_read_unlock();
  }
}

TEST_P(Equations, I2_hold_after_random_operations_by_many_threads) {
  const kind& k = GetParam();
  gs_cache_options o = {};
  o.name = k.name;
  o.size = k.size;
  o.flags = k.flags;
  if (k.destructor) o.dtor = [](void* p) { *static_cast<char*>(p) = 0; };
  kmem_cache* s = gs_cache_create(&o);
  slab::cache& c = *slab::cache_from_handle(s);
  gs_fault f = {k.failing_arrays_per_million, 0, -1, c.id};
  gs_fault_set(GS_FAULT_ARRAY, &f);
  constexpr unsigned threads = 4;
  std::vector<std::vector<void*>> held(threads);
  for (unsigned round = 0; round != 10; ++round) {
    std::vector<std::thread> running;
    for (unsigned i = 0; i != threads; ++i)
      running.emplace_back([&, i] {
        std::minstd_rand random(round * threads + i + 1);
        for (int step = 0; step != 400; ++step) act(s, random, held[i]);
      });
    for (auto& t : running) t.join();
    ASSERT_NO_FATAL_FAILURE(equations::check_cache(c)) << "round " << round;
  }
  std::uint64_t live = 0;
  for (auto& mine : held) {
    live += mine.size();
  }
  gs_cache_stats stats;
  ASSERT_EQ(gs_cache_read_stats(s, &stats), 0);
  EXPECT_EQ(stats.live, live);
  for (auto& mine : held)
    for (void* p : mine) gs_retire(p);
  kmem_cache_free_barrier(s);
  ASSERT_NO_FATAL_FAILURE(equations::check_cache(c));
  gs_fault_set(GS_FAULT_ARRAY, nullptr);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
