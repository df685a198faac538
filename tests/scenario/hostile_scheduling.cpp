// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B6: threads of different classes share one core and a cache. Whatever one of them is in the
// middle of when it loses the core, the other may not wait by keeping the core from it.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <time.h>

#include <atomic>
#include <cstring>
#include <thread>

namespace {

// A call that keeps the core from whom it waits for burns what the system leaves a real-time thread
// in a second or so, again and again; a machine that stands still does not look like that thrice.
constexpr std::int64_t burnt_ns = 100'000'000;
constexpr int calls = 600;
constexpr int burners_most = 2;

bool stay_on_one_core() {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
  CPU_ZERO(&one);
  for (int core = 0; core != CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) {
      CPU_SET(core, &one);
      break;
    }
  return sched_setaffinity(0, sizeof one, &one) == 0;
}

bool become(int scheduling_class) {
  sched_param parameter = {};
  parameter.sched_priority = scheduling_class == SCHED_FIFO ? 10 : 0;
  return stay_on_one_core() && sched_setscheduler(0, scheduling_class, &parameter) == 0;
}

std::int64_t core_time_ns() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

void rest(long us) {
  timespec t = {0, us * 1000};
  nanosleep(&t, nullptr);
}

struct outcome {
  int class_refused = 0;  // errno
  int burners = 0;
};

// `high` is called by a real-time thread, `low` without end by one of class `low_class`.
template <class High, class Low>
outcome share_a_core(int low_class, High high, Low low) {
  outcome seen;
  std::atomic<bool> done{false}, low_works{false};
  std::thread below([&] {
    if (!become(low_class)) seen.class_refused = errno;
    for (bool first = true; !done; first = false) {
      low();
      if (first) low_works = true;
    }
  });
  while (!low_works) rest(100);
  std::thread above([&] {
    if (!become(SCHED_FIFO)) seen.class_refused = errno;
    for (int i = 0; seen.class_refused == 0 && i != calls && seen.burners <= burners_most; ++i) {
      rest(100 + i * 7919 % 400);
      const std::int64_t began = core_time_ns();
      high();
      if (core_time_ns() - began > burnt_ns) ++seen.burners;
    }
    done = true;
  });
  above.join();
  below.join();
  return seen;
}

class HostileScheduling : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { ASSERT_NE(s, nullptr); }
  void TearDown() override { EXPECT_EQ(kmem_cache_destroy_wait(s), 0); }
  template <class High, class Low>
  void expect_no_burner(High high, Low low) {
    const outcome seen = share_a_core(GetParam(), high, low);
    if (seen.class_refused != 0)
      GTEST_SKIP() << "no real-time class to be had: " << std::strerror(seen.class_refused);
    EXPECT_LE(seen.burners, burners_most);
  }
  void use() {
    void* freed = kmem_cache_alloc(s, GFP_KERNEL);
    void* retired = kmem_cache_alloc(s, GFP_KERNEL);
    EXPECT_TRUE(freed != nullptr && retired != nullptr);
    kmem_cache_free(s, freed);
    gs_retire(retired);
  }

  kmem_cache* s = kmem_cache_create("shared core", 64, 0, 0, nullptr);
};

TEST_P(HostileScheduling, B6_real_time_uses_while_others_shrink) {
  expect_no_burner([&] { use(); }, [&] { kmem_cache_shrink(s); });
}

TEST_P(HostileScheduling, B6_real_time_shrinks_and_counts_while_others_use) {
  expect_no_burner(
      [&] {
        gs_cache_stats counts;
        kmem_cache_shrink(s);
        EXPECT_EQ(gs_cache_read_stats(s, &counts), 0);
      },
      [&] {
        for (int i = 0; i != 50; ++i) use();
      });
}

TEST_P(HostileScheduling, B6_real_time_uses_large_runs_while_others_do) {
  auto large = [] {
    void* run = kmalloc(std::size_t{200} << 10, GFP_KERNEL);
    EXPECT_NE(run, nullptr);
    kfree(run);
  };
  expect_no_burner(large, large);
}

INSTANTIATE_TEST_SUITE_P(Below, HostileScheduling, testing::Values(SCHED_OTHER, SCHED_IDLE),
                         [](const auto& below) {
                           return below.param == SCHED_IDLE ? "idle" : "normal";
                         });

}  // namespace
