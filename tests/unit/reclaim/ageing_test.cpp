// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B1, B3: memory follows the working set, in every kind of cache and under every kind of load, also
// while the cache is busy. The background thread is off: the rounds that it would run are run here,
// at times that the test sets.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <random>

#include "../../scenario/watched.hpp"
#include "os/clock.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/slab.hpp"

namespace {

using namespace graceslab;
using namespace watched;

constexpr std::uint64_t tick_ms = 10, two_seconds = 2000 / tick_ms;
constexpr std::uint64_t bytes_each = 1024, mib = std::uint64_t{1} << 20;
constexpr std::size_t spike_objects = 30'000, light_objects = 400;

struct kind {
  const char* name;
  unsigned flags;
  bool constructed;
};
constexpr kind kinds[] = {{"plain", 0, false},
                          {"type_safe", SLAB_TYPESAFE_BY_RCU, false},
                          {"constructed", 0, true},
                          {"debug", SLAB_POISON | SLAB_RED_ZONE, false},
                          {"undetected", SLAB_NO_DETECTION, false}};

void construct(void*) {}

class Bounds : public testing::TestWithParam<kind> {
 protected:
  void SetUp() override {
    ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0);
    const kind k = GetParam();
    s = kmem_cache_create(k.name, bytes_each, 0, k.flags, k.constructed ? construct : nullptr);
    ASSERT_NE(s, nullptr);
  }
  void TearDown() override { EXPECT_EQ(kmem_cache_destroy_wait(s), 0); }
  slab::cache& record() { return *slab::cache_from_handle(s); }

  std::vector<void*> take_some(std::size_t n) {
    std::vector<void*> all(n);
    for (void*& p : all) p = kmem_cache_alloc(s, GFP_KERNEL);
    return all;
  }
  void give_shuffled(std::vector<void*> all) {
    std::shuffle(all.begin(), all.end(), random);
    for (void* p : all) kmem_cache_free(s, p);
  }
  void use_lightly() { give_shuffled(take_some(light_objects)); }

  // What the background thread does in one round.
  void round() {
    still.advance(tick_ms);
    slab::cache* one[] = {&record()};
    bool young = false;
    reclaim::defer_aged(one, 1, false, &young);
    const std::uint64_t cookie = reclaim::newest_waiting(record());
    if (cookie != 0) (void)rcu::try_advance(reclaim::domain_of(record()), cookie);
    reclaim::collect(record());
    reclaim::trim(one, 1, os::now_ms());
  }
  // B1, where nothing is in use when it is measured.
  void expect_bounded(std::uint64_t busiest_objects) {
    EXPECT_EQ(stats_of(s).live, 0u);
    EXPECT_LE(stats_of(s).resident_bytes, busiest_objects * bytes_each / 4 + mib);
  }

  virtual_clock still;
  std::minstd_rand random{7};
  kmem_cache* s = nullptr;
};

TEST_P(Bounds, B1_a_spike_goes_home_though_the_cache_is_in_use) {
  give_shuffled(take_some(spike_objects));
  for (std::uint64_t i = 0; i != two_seconds; ++i) {
    if (i % 5 == 0) use_lightly();
    round();
  }
  expect_bounded(light_objects);
}

TEST_P(Bounds, B1_a_spike_goes_home_though_one_object_is_used_all_the_time) {
  give_shuffled(take_some(spike_objects));
  for (std::uint64_t i = 0; i != two_seconds; ++i) {
    give_shuffled(take_some(1));
    round();
  }
  expect_bounded(1);
}

TEST_P(Bounds, B1_a_retired_spike_goes_home_though_the_cache_is_in_use) {
  for (void* p : take_some(spike_objects)) gs_retire(p);
  for (std::uint64_t i = 0; i != two_seconds; ++i) {
    if (i % 5 == 0) use_lightly();
    round();
  }
  expect_bounded(light_objects);
}

TEST_P(Bounds, B1_bursts_hold_what_one_needs_and_leave_nothing_behind) {
  constexpr std::size_t burst = 10'000;
  const std::uint64_t most = burst * bytes_each * 5 / 4 + mib;
  for (int i = 0; i != 30; ++i) {
    give_shuffled(take_some(burst));
    EXPECT_LE(stats_of(s).resident_bytes, most) << i;
    for (int j = 0; j != 10; ++j) round();
  }
  for (std::uint64_t i = 0; i != two_seconds; ++i) round();
  EXPECT_EQ(stats_of(s).resident_bytes, 0u);
}

TEST_P(Bounds, B1_what_was_used_lately_is_kept) {
  give_shuffled(take_some(spike_objects));
  const std::uint64_t held = stats_of(s).resident_bytes;
  for (int i = 0; i != 10; ++i) {
    for (int j = 0; j != 30; ++j) round();
    EXPECT_GE(stats_of(s).resident_bytes, held - mib) << i;
    give_shuffled(take_some(spike_objects));
  }
}

TEST_P(Bounds, B3_arrays_of_idle_threads_age_beside_a_busy_one) {
  constexpr int threads = 20;
  gate ready[threads], end;
  std::vector<std::thread> idle;
  for (gate& g : ready)
    idle.emplace_back([&] {
      std::vector<void*> all(100);
      for (void*& p : all) p = kmem_cache_alloc(s, GFP_KERNEL);
      for (void* p : all) kmem_cache_free(s, p);
      g.open();
      end.pass();
    });
  for (gate& g : ready) g.pass();
  for (std::uint64_t i = 0; i != two_seconds; ++i) {
    give_shuffled(take_some(light_objects));
    round();
  }
  EXPECT_LE(stats_of(s).parked, 13 * 64u);  // of the busy one, and its barn
  expect_bounded(light_objects);
  end.open();
  for (auto& t : idle) t.join();
}

TEST_P(Bounds, B1_between_a_producer_and_a_consumer) {
  std::vector<void*> passed;
  for (int i = 0; i != 50; ++i) {
    passed = take_some(2000);
    std::thread([&] {
      for (void* p : passed) i % 2 != 0 ? gs_retire(p) : kmem_cache_free(s, p);
    }).join();
    for (int j = 0; j != 10; ++j) round();
    EXPECT_LE(stats_of(s).resident_bytes, 2 * 2000 * bytes_each * 5 / 4 + 2 * mib) << i;
  }
  for (std::uint64_t i = 0; i != two_seconds; ++i) round();
  EXPECT_EQ(stats_of(s).resident_bytes, 0u);
}

// One object of sixteen lives: the pages of the others go back, though their slabs stay.
class FreePages : public testing::TestWithParam<unsigned> {};

std::size_t resident_pages(void* object, std::size_t bytes) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto start = (reinterpret_cast<std::uintptr_t>(object) + page - 1) & ~(page - 1);
  const auto end = (reinterpret_cast<std::uintptr_t>(object) + bytes) & ~(page - 1);
  std::size_t n = 0;
  for (auto at = start; at < end; at += page) {
    unsigned char in = 0;
    if (mincore(reinterpret_cast<void*>(at), 1, &in) == 0) n += in & 1u;
  }
  return n;
}

std::size_t resident_in_slabs(slab::cache& c) {
  std::size_t pages = 0;
  for (const slab::slab_list* l : {&c.partial, &c.full_slabs, &c.empty_slabs, &c.quarantined})
    for (const slab::slab* s = l->head; s != nullptr; s = s->next)
      pages += resident_pages(s->start, s->granules * slab::granule_bytes);
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

TEST_P(FreePages, B1_beside_live_objects_go_back_and_the_statistics_say_so) {
  const std::size_t bytes = GetParam();
  ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0);
  virtual_clock still;
  kmem_cache* s = kmem_cache_create("sparse", bytes, 0, 0, nullptr);
  slab::cache* one[] = {slab::cache_from_handle(s)};
  std::vector<char*> all(2000), kept, freed;
  for (char*& p : all) {
    p = static_cast<char*>(kmem_cache_alloc(s, GFP_KERNEL));
    std::fill_n(p, bytes, 'x');
  }
  for (std::size_t i = 0; i != all.size(); ++i) (i % 16 == 0 ? kept : freed).push_back(all[i]);
  for (char* p : freed) kmem_cache_free(s, p);
  for (std::uint64_t i = 0; i != two_seconds; ++i) {
    still.advance(tick_ms);
    reclaim::trim(one, 1, os::now_ms());
  }
  std::size_t resident = 0;
  for (char* p : freed) resident += resident_pages(p, bytes);
  EXPECT_EQ(resident, 0u);
  EXPECT_EQ(stats_of(s).resident_bytes, resident_in_slabs(*one[0]));
  for (char* p : kept) EXPECT_EQ(std::count(p, p + bytes, 'x'), static_cast<long>(bytes));
  EXPECT_EQ(stats_of(s).live, kept.size());
  // And they serve again.
  for (char*& p : freed) {
    p = static_cast<char*>(kmem_cache_alloc(s, GFP_KERNEL));
    std::fill_n(p, bytes, 'y');
    kept.push_back(p);
  }
  EXPECT_EQ(stats_of(s).resident_bytes, resident_in_slabs(*one[0]));
  EXPECT_EQ(stats_of(s).carved, stats_of(s).live + stats_of(s).parked + stats_of(s).free_in_slabs);
  for (char* p : kept) kmem_cache_free(s, p);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

INSTANTIATE_TEST_SUITE_P(, FreePages, testing::Values(4096u, 6000u, 10'000u, 100'000u));

INSTANTIATE_TEST_SUITE_P(, Bounds, testing::ValuesIn(kinds),
                         [](const auto& each) { return std::string(each.param.name); });

}  // namespace
