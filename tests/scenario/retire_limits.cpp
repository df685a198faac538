// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// K6: a bound on retired bytes in flight, and what happens at it.
#include <algorithm>
#include <optional>
#include <ostream>

#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::uint64_t limit_objects = 256, slack = 3 * 64;

// The three ways in which retired objects wait: in arrays; by state byte, as in debug caches; by
// state byte for want of memory for an array.
struct way {
  const char* name;
  unsigned flags;
  bool memory;
};
void PrintTo(const way& w, std::ostream* out) { *out << w.name; }
constexpr way ways[] = {
    {"in_arrays", 0, true}, {"by_state_byte", SLAB_POISON, true}, {"without_memory", 0, false}};

class RetireLimit : public testing::TestWithParam<way> {
 protected:
  kmem_cache* limited(const char* name, int pressure, std::uint64_t bytes,
                      gs_domain* d = nullptr) const {
    gs_cache_options o = {};
    o.name = name;
    o.size = sizeof(object);
    o.domain = d;
    o.flags = GetParam().flags;
    o.pending_limit_bytes = bytes;
    o.pressure = pressure;
    return gs_cache_create(&o);
  }
  void retire_all(const std::vector<object*>& all) {
    without_arrays_if_so();
    retire(all);
    none_.reset();
  }
  void without_arrays_if_so() {
    if (!GetParam().memory) none_.emplace(GS_FAULT_ARRAY);
  }
  void TearDown() override { none_.reset(); }

 private:
  std::optional<fault> none_;
};
INSTANTIATE_TEST_SUITE_P(Ways, RetireLimit, testing::ValuesIn(ways),
                         [](const auto& i) { return i.param.name; });

constexpr std::uint64_t limit_bytes = limit_objects * sizeof(object);

// What a retirer is promised whom nobody disturbs: whoever finds a grace period or objects in other
// hands does not wait for them, or not long, and the background thread may be off its core just
// then.
class undisturbed {
 public:
  undisturbed() { EXPECT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0); }
  ~undisturbed() { EXPECT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "1"), 0); }
};

// The retirer itself brings memory home when it meets the bound.
TEST_P(RetireLimit, K6_expedite_keeps_the_bound_when_nobody_reads) {
  undisturbed alone;
  kmem_cache* s = limited("expedite", GS_PRESSURE_EXPEDITE, limit_bytes);
  auto all = take(s, 5000);
  std::uint64_t most = 0;
  without_arrays_if_so();
  for (std::size_t i = 0; i != all.size(); ++i) {
    kfree_rcu(all[i], rcu);
    if (i % 64 == 0) most = std::max(most, in_flight(s));
  }
  EXPECT_LE(most, limit_objects + slack);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(RetireLimit, K6_expedite_never_blocks) {
  kmem_cache* s = limited("expedite", GS_PRESSURE_EXPEDITE, limit_bytes);
  auto all = take(s, 5000);
  held_reader reader;
  retire_all(all);  // would hang
  EXPECT_EQ(in_flight(s), 5000u);
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(RetireLimit, K6_report_says_who_holds_it_back_once) {
  reports caught;
  kmem_cache* s = limited("reported", GS_PRESSURE_REPORT, limit_bytes);
  auto all = take(s, 5000);
  held_reader reader;
  retire_all(all);
  EXPECT_EQ(caught.count(GS_REPORT_OVER_LIMIT), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "'reported'");
  EXPECT_CONTAINS(caught.everything(), "held back by thread");
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
}

TEST_P(RetireLimit, K6_block_holds_the_retirer_until_readers_left) {
  undisturbed alone;
  kmem_cache* s = limited("blocked", GS_PRESSURE_BLOCK, limit_bytes);
  auto all = take(s, 5000);
  std::uint32_t done = 0;
  std::thread retirer;
  without_arrays_if_so();
  {
    held_reader reader;
    retirer = std::thread([&] {
      for (auto* o : all) {
        kfree_rcu(o, rcu);
        gs_fetch_add(&done, 1u);
      }
    });
    ASSERT_TRUE(eventually([&] { return gs_load_acquire(&done) >= limit_objects - 64; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_LE(gs_load_acquire(&done), limit_objects + slack);
  }
  retirer.join();
  EXPECT_LE(in_flight(s), limit_objects + slack);  // without readers the bound holds too
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(RetireLimit, K6_block_never_inside_a_section_or_callback) {
  reports caught;
  kmem_cache* s = limited("never", GS_PRESSURE_BLOCK, limit_bytes);
  auto all = take(s, 5000);
  rcu_read_lock();
  retire_all(all);  // would hang
  EXPECT_EQ(in_flight(s), 5000u);
  rcu_read_unlock();
  kmem_cache_free_barrier(s);
  gs_domain_options options = {"section of another domain", 0, 0, 0};
  gs_domain* other = gs_domain_create(&options);
  {
    held_reader reader;
    all = take(s, 5000);
    gs_domain_read_lock(other);
    retire_all(all);
    gs_domain_read_unlock(other);
  }
  EXPECT_EQ(gs_domain_destroy(other), 0);
  all = take(s, 5000);
  std::uint32_t returned = 0;
  {
    gate inside, held;
    in_threads(2, [&](int i) {
      if (i == 0) {
        in_callback([&] {
          inside.open();
          held.pass();
          retire_all(all);
          gs_store_release(&returned, 1u);
        });
        return;
      }
      inside.pass();
      held_reader reader;  // holds back what the callback retires
      held.open();
      EXPECT_TRUE(eventually([&] { return gs_load_acquire(&returned) != 0; }));
    });
  }
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_P(RetireLimit, K6_of_a_domain_counts_all_its_caches) {
  reports caught;
  gs_domain_options options = {"bounded", 0, limit_bytes, GS_PRESSURE_REPORT};
  gs_domain* d = gs_domain_create(&options);
  kmem_cache* a = limited("a", GS_PRESSURE_EXPEDITE, 0, d);
  kmem_cache* b = limited("b", GS_PRESSURE_EXPEDITE, 0, d);
  auto of_a = take(a, 192), of_b = take(b, 400);
  {
    held_reader reader(d);
    retire_all(of_a);
    EXPECT_EQ(caught.count(GS_REPORT_OVER_LIMIT), 0u) << caught.everything();
    retire_all(of_b);
    EXPECT_EQ(caught.count(GS_REPORT_OVER_LIMIT), 1u) << caught.everything();
  }
  EXPECT_EQ(kmem_cache_destroy_wait(a), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(b), 0);
  EXPECT_EQ(gs_domain_destroy(d), 0);
}

// R10: a flood drives grace periods, also where no limit was set and nobody else does.
TEST_P(RetireLimit, R10_a_flood_drives_without_a_limit) {
  undisturbed alone;
  kmem_cache* s = limited("flood", GS_PRESSURE_EXPEDITE, 0);
  auto all = take(s, 60'000);
  std::uint64_t most = 0;
  without_arrays_if_so();
  for (std::size_t i = 0; i != all.size(); ++i) {
    kfree_rcu(all[i], rcu);
    if (i % 1024 == 0) most = std::max(most, in_flight(s));
  }
  EXPECT_LT(most, all.size() / 2);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Destructors run where callbacks run, also while their retirer is held back: he may hold a lock
// that they take.
TEST_P(RetireLimit, K6_block_runs_no_destructor_in_the_retirer) {
  static std::uint32_t ended, here;
  static thread_local bool retirer;
  ended = here = 0;
  retirer = true;
  gs_cache_options o = {};
  o.name = "with a destructor";
  o.size = sizeof(object);
  o.flags = GetParam().flags;
  o.dtor = [](void*) {
    gs_fetch_add(&ended, 1u);
    if (retirer) gs_fetch_add(&here, 1u);
  };
  o.pending_limit_bytes = limit_bytes;
  o.pressure = GS_PRESSURE_BLOCK;
  kmem_cache* s = gs_cache_create(&o);
  retire_all(take(s, 600));
  EXPECT_EQ(gs_load_acquire(&here), 0u);
  retirer = false;
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(gs_load_acquire(&ended), 600u);
}

// Page runs belong to no cache of the user's: the bound is that of the default domain.
class RunLimit : public testing::Test {
 protected:
  static constexpr std::size_t run_bytes = std::size_t{3} << 20;
  static constexpr int limit_runs = 4;
  void SetUp() override {
    ASSERT_EQ(
        gs_config_set("GRACESLAB_PENDING_LIMIT", std::to_string(limit_runs * run_bytes).c_str()),
        0);
    for (auto& run : runs) ASSERT_NE(run = kmalloc(run_bytes, GFP_KERNEL), nullptr);
  }
  void TearDown() override {
    EXPECT_EQ(gs_config_set("GRACESLAB_PENDING_LIMIT", "0"), 0);
    EXPECT_EQ(gs_config_set("GRACESLAB_PRESSURE", "expedite"), 0);
    kfree_rcu_barrier();
    for (void* run : runs) EXPECT_FALSE(known(run));
  }
  // Runs retired and not yet given back to the system.
  int waiting(int retired) const {
    int n = 0;
    for (int i = 0; i != retired; ++i) n += known(runs[i]);
    return n;
  }
  static bool known(const void* run) {
    gs_object_info info;
    return gs_object_lookup(run, &info) == 0;
  }
  void* runs[40] = {};
  reports caught;
};

TEST_F(RunLimit, K6_expedite_keeps_the_bound_of_page_runs) {
  undisturbed alone;
  int most = 0;
  for (int i = 0; i != 40; ++i) {
    kvfree_rcu_mightsleep(runs[i]);
    most = std::max(most, waiting(i + 1));
  }
  EXPECT_LE(most, limit_runs + 1);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(RunLimit, K6_report_counts_the_bytes_of_page_runs) {
  ASSERT_EQ(gs_config_set("GRACESLAB_PRESSURE", "report"), 0);
  held_reader reader;
  for (int i = 0; i != limit_runs; ++i) kvfree_rcu_mightsleep(runs[i]);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  for (int i = limit_runs; i != 40; ++i) kvfree_rcu_mightsleep(runs[i]);
  EXPECT_EQ(caught.count(GS_REPORT_OVER_LIMIT), 1u) << caught.everything();
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "domain 'default'");
  EXPECT_CONTAINS(caught.everything(), std::to_string((limit_runs + 1) * run_bytes));
  EXPECT_CONTAINS(caught.everything(), std::to_string(limit_runs * run_bytes));
  EXPECT_CONTAINS(caught.everything(), "held back by thread");
  EXPECT_EQ(waiting(40), 40);
}

TEST_F(RunLimit, K6_block_holds_the_retirer_of_page_runs) {
  ASSERT_EQ(gs_config_set("GRACESLAB_PRESSURE", "block"), 0);
  std::uint32_t done = 0;
  std::thread retirer;
  {
    held_reader reader;
    retirer = std::thread([&] {
      for (void* run : runs) {
        kvfree_rcu_mightsleep(run);
        gs_fetch_add(&done, 1u);
      }
    });
    ASSERT_TRUE(eventually([&] { return gs_load_acquire(&done) >= limit_runs; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_LE(gs_load_acquire(&done), std::uint32_t{limit_runs});
  }
  retirer.join();
}

}  // namespace
