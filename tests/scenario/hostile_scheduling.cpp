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
constexpr int long_calls = 60;  // of those that wait for a grace period or more
constexpr int burners_most = 2;
constexpr int seconds_most = 10;  // where the system leaves the lower class next to nothing

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

constexpr std::int64_t ns_per_second = 1'000'000'000;

std::int64_t time_ns(clockid_t clock) {
  timespec t = {};
  clock_gettime(clock, &t);
  return t.tv_sec * ns_per_second + t.tv_nsec;
}
std::int64_t core_time_ns() { return time_ns(CLOCK_THREAD_CPUTIME_ID); }

void rest(long us) {
  timespec t = {0, us * 1000};
  nanosleep(&t, nullptr);
}

struct outcome {
  int class_refused = 0;  // errno
  int burners = 0;
};

// `high` is called so many times by a real-time thread, `low` without end by one of class
// `low_class`.
template <class High, class Low>
outcome share_a_core(int low_class, int times, High high, Low low) {
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
    const std::int64_t end = time_ns(CLOCK_MONOTONIC) + seconds_most * ns_per_second;
    const auto goes_on = [&] {
      return seen.class_refused == 0 && seen.burners <= burners_most &&
             time_ns(CLOCK_MONOTONIC) < end;
    };
    for (int i = 0; i != times && goes_on(); ++i) {
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
  void expect_no_burner(High high, Low low, int times = calls) {
    const outcome seen = share_a_core(GetParam(), times, high, low);
    if (seen.class_refused != 0)
      GTEST_SKIP() << "no real-time class to be had: " << std::strerror(seen.class_refused);
    EXPECT_LE(seen.burners, burners_most);
  }
  void use() { use(s); }
  static void use(kmem_cache* s) {
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

TEST_P(HostileScheduling, B6_real_time_waits_for_readers_while_others_read) {
  expect_no_burner(
      [] {
        synchronize_rcu();
        synchronize_rcu_expedited();
      },
      [] {
        rcu_read_lock();
        rest(50);
        rcu_read_unlock();
      },
      long_calls);
}

void do_nothing(rcu_head*) {}

TEST_P(HostileScheduling, B6_real_time_waits_for_barriers_while_others_retire) {
  rcu_head heads[2];
  expect_no_burner(
      [&] {
        use();
        call_rcu(&heads[0], do_nothing);
        rcu_barrier();
        EXPECT_EQ(gs_cache_barrier(s), 0);
        kfree_rcu_barrier();
      },
      [&] {
        for (int i = 0; i != 50; ++i) use();
        call_rcu(&heads[1], do_nothing);
        rcu_barrier();
      },
      long_calls);
}

TEST_P(HostileScheduling, B6_real_time_destroys_while_others_do) {
  auto come_and_go = [] {
    kmem_cache* lingers = kmem_cache_create("lingers", 64, 0, 0, nullptr);
    kmem_cache* waits = kmem_cache_create("waits", 64, 0, SLAB_TYPESAFE_BY_RCU, nullptr);
    use(lingers);
    use(waits);
    const kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(lingers);
    EXPECT_EQ(kmem_cache_destroy_wait(waits), 0);
    EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  };
  expect_no_burner(
      [&] {
        come_and_go();
        EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
      },
      come_and_go, long_calls);
}

TEST_P(HostileScheduling, B6_real_time_counts_all_caches_while_they_come_and_go) {
  expect_no_burner(
      [&] {
        gs_caches_visit([](const gs_cache_stats*, void*) {}, nullptr);
        gs_domain_stats of_domain;
        gs_domain_read_stats(nullptr, &of_domain);
      },
      [&] {
        kmem_cache* other = kmem_cache_create("comes and goes", 64, 0, 0, nullptr);
        use(other);
        use();
        kmem_cache_destroy(other);
      });
}

// Whoever is preempted in the middle of a first use holds what makes the class.
TEST_P(HostileScheduling, B6_real_time_meets_first_uses_of_size_classes) {
  std::atomic<unsigned> step{0};
  auto once = [&] {
    const unsigned i = step;
    void* object = kmalloc(std::size_t{8} << i % 17, GFP_KERNEL);  // to 512 KiB
    EXPECT_NE(object, nullptr);
    kfree(object);
    object = kmalloc(std::size_t{12} << i % 17, GFP_KERNEL);
    EXPECT_NE(object, nullptr);
    kfree(object);
  };
  expect_no_burner(
      [&] {
        once();
        ++step;  // what comes next is the other's first, and we come while it is at it
      },
      once, 2 * 17);
}

class gate {
 public:
  void open() { open_ = true; }
  void pass() const {
    while (!open_) rest(1000);
  }

 private:
  std::atomic<bool> open_{false};
};
gate* leave;
std::atomic<int> inside;

void block_the_first(void*) {
  if (inside++ == 0) leave->pass();
}

// A cache one thread of which is inside user code that does not return.
class blocked {
 public:
  blocked(void (*ctor)(void*), void (*dtor)(void*)) {
    leave = &leave_;
    inside = 0;
    gs_cache_options options = {};
    options.name = "blocked";
    options.size = 64;
    options.ctor = ctor;
    options.dtor = dtor;
    cache = gs_cache_create(&options);
  }
  void wait_until_inside() {
    while (inside == 0) rest(100);
  }
  void let_go() { leave_.open(); }
  kmem_cache* cache;

 private:
  gate leave_;
};

TEST_P(HostileScheduling, B5_B6_real_time_passes_a_constructor_that_blocks) {
  blocked b(block_the_first, nullptr);
  std::thread maker([&] { kmem_cache_free(b.cache, kmem_cache_alloc(b.cache, GFP_KERNEL)); });
  b.wait_until_inside();
  expect_no_burner(
      [&] {
        use();
        use(b.cache);
        kmem_cache_shrink(b.cache);
        EXPECT_EQ(gs_cache_barrier(b.cache), 0);
        kfree_rcu_barrier();
        EXPECT_EQ(kmem_cache_destroy_wait(kmem_cache_create("other", 64, 0, 0, nullptr)), 0);
      },
      [&] { use(b.cache); }, long_calls);
  b.let_go();
  maker.join();
  EXPECT_EQ(kmem_cache_destroy_wait(b.cache), 0);
}

TEST_P(HostileScheduling, B5_B6_real_time_passes_a_destructor_that_blocks) {
  blocked b(nullptr, block_the_first);
  std::thread waiter([&] {
    gs_cache_retire(b.cache, kmem_cache_alloc(b.cache, GFP_KERNEL));
    EXPECT_EQ(gs_cache_barrier(b.cache), 0);
  });
  b.wait_until_inside();
  expect_no_burner(
      [&] {
        use();
        use(b.cache);
        kmem_cache_shrink(b.cache);
        EXPECT_EQ(gs_cache_barrier(s), 0);
        synchronize_rcu();
        EXPECT_EQ(kmem_cache_destroy_wait(kmem_cache_create("other", 64, 0, 0, nullptr)), 0);
      },
      [&] { use(); }, long_calls);
  b.let_go();
  waiter.join();
  EXPECT_EQ(kmem_cache_destroy_wait(b.cache), 0);
}

// Here the real-time thread waits for user code that waits for a thread below it.
TEST_P(HostileScheduling, B6_real_time_waits_for_constructors_and_destructors) {
  auto make_and_end = [](void (*ctor)(void*), void (*dtor)(void*)) {
    blocked b(ctor, dtor);
    std::thread maker([&] {
      EXPECT_TRUE(become(GetParam()));
      gs_retire(kmem_cache_alloc(b.cache, GFP_KERNEL));
    });
    std::thread opener([&] {
      EXPECT_TRUE(become(GetParam()));
      b.wait_until_inside();
      rest(2000);
      b.let_go();
    });
    ctor != nullptr ? b.wait_until_inside() : maker.join();
    EXPECT_EQ(kmem_cache_destroy_wait(b.cache), 0);
    if (maker.joinable()) maker.join();
    opener.join();
  };
  expect_no_burner(
      [&] {
        make_and_end(block_the_first, nullptr);
        make_and_end(nullptr, block_the_first);
      },
      [&] { use(); }, long_calls / 4);
}

INSTANTIATE_TEST_SUITE_P(Below, HostileScheduling, testing::Values(SCHED_OTHER, SCHED_IDLE),
                         [](const auto& below) {
                           return below.param == SCHED_IDLE ? "idle" : "normal";
                         });

}  // namespace
