// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// fork(): what is pending is done once on either side, what runs only in the parent. Contract I8.
//
// Children use the library alone (no gtest, no malloc that another thread may hold) and end by
// _exit.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <semaphore.h>

#include <atomic>
#include <barrier>
#include <graceslab/teardown.hpp>
#include <latch>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "child_process.hpp"

// ThreadSanitizer ends a child of a threaded process that starts a thread, unless told.
#if defined(__SANITIZE_THREAD__)
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "die_after_fork=0";
}
#endif

namespace {

struct node {
  rcu_head head;  // first
  long value;
};

unsigned ran;
void count(rcu_head*) { gs_fetch_add(&ran, 1u); }

void post(std::vector<node>& nodes) {
  for (node& n : nodes) gs_call_rcu(nullptr, &n.head, count, nullptr);
}

// A reader that another thread holds until told.
class held_reader {
 public:
  held_reader()
      : thread_([this] {
          graceslab::rcu_reader section;
          inside_ = true;
          while (!leave_) std::this_thread::yield();
        }) {
    while (!inside_) std::this_thread::yield();
  }
  ~held_reader() { leave(); }
  void leave() {
    leave_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<bool> inside_{false}, leave_{false};
  std::thread thread_;
};

TEST(Fork, I8_CallbacksPendingRunOnceInTheParentAndOnceInTheChild) {
  ran = 0;
  std::vector<node> nodes(500);
  held_reader reader;  // nothing can run before the fork
  post(nodes);
  const child_result child = run_fork([] {
    graceslab::rcu_barrier();  // the reader is not here: its section is over
    return gs_load_relaxed(&ran) == 500 ? 0 : 1;
  });
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_EQ(gs_load_relaxed(&ran), 0u);
  reader.leave();
  graceslab::rcu_barrier();
  EXPECT_EQ(ran, 500u);
}

TEST(Fork, I8_RetiresPendingAreReclaimedOnBothSides) {
  graceslab::cache<node> cache("forked");
  held_reader reader;
  for (int i = 0; i < 1000; ++i) cache.retire(cache.make());
  auto in_flight = [&cache] {
    gs_cache_stats s = {};
    gs_cache_read_stats(cache.native_handle(), &s);
    return s.retired - s.reclaimed;
  };
  const child_result child = run_fork([&] {
    if (cache.barrier() != graceslab::errc::ok || in_flight() != 0) return 1;
    return cache.destroy().code == graceslab::errc::ok ? 0 : 2;
  });
  EXPECT_TRUE(child.fine()) << child.story();
  reader.leave();
  EXPECT_EQ(cache.barrier(), graceslab::errc::ok);
  EXPECT_EQ(in_flight(), 0u);
}

TEST(Fork, I8_DestructorsOfRetiredObjectsRunOnceOnEachSide) {
  static unsigned finished;
  finished = 0;
  struct noisy {
    ~noisy() { gs_fetch_add(&finished, 1u); }
    long value = 0;
  };
  graceslab::cache<noisy> cache("noisy");
  held_reader reader;
  for (int i = 0; i < 300; ++i) cache.retire(cache.make());
  const child_result child = run_fork([&] {
    cache.barrier();
    return gs_load_relaxed(&finished) == 300 ? 0 : 1;
  });
  EXPECT_TRUE(child.fine()) << child.story();
  reader.leave();
  cache.barrier();
  EXPECT_EQ(gs_load_relaxed(&finished), 300u);
}

TEST(Fork, I8_ACallbackThatRunsIsDoneInTheParentOnly) {
  static sem_t entered, go_on;
  sem_init(&entered, 0, 0);
  sem_init(&go_on, 0, 0);
  ran = 0;
  static node blocking;
  gs_call_rcu_hurry(
      nullptr, &blocking.head,
      [](rcu_head*) {
        sem_post(&entered);
        while (sem_wait(&go_on) != 0) continue;
        count(nullptr);
      },
      nullptr);
  while (sem_wait(&entered) != 0) continue;
  const child_result child = run_fork([] {
    graceslab::rcu_barrier();
    return gs_load_relaxed(&ran) == 0 ? 0 : 1;
  });
  EXPECT_TRUE(child.fine()) << child.story();
  sem_post(&go_on);
  graceslab::rcu_barrier();
  EXPECT_EQ(ran, 1u);
}

// Its object is home in the child, and looks as a free object should.
TEST(Fork, I8_ADestructorThatRunsElsewhereLeavesNoDamageInADebugCache) {
  static sem_t entered, go_on;
  sem_init(&entered, 0, 0);
  sem_init(&go_on, 0, 0);
  gs_cache_options options = {};
  options.name = "debugged";
  options.size = 100;
  options.flags = SLAB_POISON | SLAB_RED_ZONE;
  options.dtor = [](void*) {
    sem_post(&entered);
    while (sem_wait(&go_on) != 0) continue;
  };
  kmem_cache* cache = gs_cache_create(&options);
  gs_cache_retire(cache, gs_cache_alloc(cache, 0));
  while (sem_wait(&entered) != 0) continue;
  const std::uint64_t before = gs_report_count(GS_REPORT_CORRUPT_OBJECT);
  const child_result child = run_fork([cache, before] {
    if (gs_cache_validate(cache) != 0) return 1;
    for (int i = 0; i < 200; ++i)
      if (gs_cache_alloc(cache, 0) == nullptr) return 2;
    return gs_report_count(GS_REPORT_CORRUPT_OBJECT) == before ? 0 : 3;
  });
  EXPECT_TRUE(child.fine()) << child.story();
  sem_post(&go_on);
  EXPECT_EQ(kmem_cache_destroy_wait(cache), 0);
}

TEST(Fork, I8_ReadersOfOtherThreadsAreOverInTheChild) {
  held_reader reader;
  const child_result child = run_fork([] {
    graceslab::rcu_synchronize();
    return 0;
  });
  EXPECT_TRUE(child.fine()) << child.story();
}

// The forking thread's own section goes on, on both sides.
TEST(Fork, I8_TheOwnSectionSurvives) {
  graceslab::rcu_reader outer;
  const child_result child = run_fork([] {
    if (gs_read_held(nullptr) != 1) return 1;
    const auto gp = graceslab::grace_period::start();
    if (gp.done()) return 2;
    graceslab::rcu_default_domain().unlock();
    gp.wait();
    return gp.done() ? 0 : 3;
  });
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_EQ(gs_read_held(nullptr), 1);
}

// As after any fork: everything can be used, and background threads start anew.
int use_everything() {
  unsigned before = gs_load_relaxed(&ran);
  static node posted[10];
  graceslab::cache<node> mine("childs-own");
  for (node& n : posted) gs_call_rcu(nullptr, &n.head, count, nullptr);
  for (int i = 0; i < 500; ++i) mine.retire(mine.make());
  graceslab::rcu_synchronize();
  graceslab::rcu_barrier();
  graceslab::retire_barrier();
  if (mine.destroy().code != graceslab::errc::ok) return 1;
  if (graceslab::destroy_barrier() != graceslab::errc::ok) return 2;
  return gs_load_relaxed(&ran) == before + 10 ? 0 : 3;
}

TEST(Fork, I8_TheChildCanDoEverything) {
  ASSERT_EQ(use_everything(), 0);
  const child_result child = run_fork(use_everything);
  EXPECT_TRUE(child.fine()) << child.story();
}

TEST(Fork, I8_WithoutAnyBarrierTheChildsBackgroundThreadsDoTheWork) {
  const child_result child = run_fork([] {
    static node one;
    ran = 0;
    gs_call_rcu(nullptr, &one.head, count, nullptr);
    for (int i = 0; i < 5000 && gs_load_acquire(&ran) == 0; ++i) usleep(1000);
    return gs_load_acquire(&ran) == 1 ? 0 : 1;
  });
  EXPECT_TRUE(child.fine()) << child.story();
}

// Caches that lingered at the fork: nobody retires, waits or destroys, the child only uses another.
TEST(Fork, I8_A4_WhatLingeredAtTheForkIsGoneOnceTheChildUsesAnyCache) {
  kmem_cache* other = kmem_cache_create("other", 64, 0, 0, nullptr);
  kmem_cache* lingers = kmem_cache_create("lingers", 64, 0, 0, nullptr);
  gs_cache_free(other, gs_cache_alloc(other, 0));  // looked after already
  held_reader reader;
  for (int i = 0; i < 100; ++i) gs_retire(gs_cache_alloc(lingers, 0));
  (void)kmem_cache_destroy_rcu(lingers);
  auto is_gone = [lingers] {
    gs_cache_stats s = {};
    return gs_cache_read_stats(lingers, &s) != 0;
  };
  const child_result child = run_fork([&] {
    if (is_gone()) return 1;
    void* some[500];  // more than its thread had at hand
    for (void*& p : some) p = gs_cache_alloc(other, 0);
    for (void* p : some) gs_cache_free(other, p);
    for (int i = 0; i < 5000 && !is_gone(); ++i) usleep(1000);
    return is_gone() ? 0 : 2;
  });
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FALSE(is_gone());
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_TRUE(is_gone());
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
}

TEST(Fork, I8_AChildMayForkAgain) {
  const child_result child = run_fork([] {
    const child_result grandchild = run_fork(use_everything, 30000);
    return grandchild.fine() ? use_everything() : 9;
  });
  EXPECT_TRUE(child.fine()) << child.story();
}

TEST(Fork, I8_ACallbackMayFork) {
  static int outcome;
  outcome = -1;
  static node one;
  gs_call_rcu(
      nullptr, &one.head,
      [](rcu_head*) {
        outcome = run_fork([] { return use_everything() & 1; }, 30000).fine() ? 0 : 1;
      },
      nullptr);
  graceslab::rcu_barrier();
  EXPECT_EQ(outcome, 0);
}

// ---- forks while others hammer ----
//
// Not while a thread starts or ends: sanitizers' own locks are held then, and a child inherits
// them.

struct hammer {
  std::atomic<bool> stop{false};
  graceslab::cache<node> shared{"hammered"};
  std::latch all_run;
  std::vector<std::thread> threads;

  explicit hammer(unsigned n) : all_run(n) {
    (void)use_everything();  // the library's own threads
    for (unsigned i = 0; i < n; ++i) threads.emplace_back([this] { run(); });
    all_run.wait();
  }
  ~hammer() {
    stop = true;
    for (auto& t : threads) t.join();
    graceslab::rcu_barrier();  // they free into `shared`
  }
  void run() {
    all_run.count_down();
    while (!stop) {
      graceslab::cache<node> own("short-lived");
      for (int i = 0; i < 200; ++i) {
        graceslab::rcu_reader section;
        shared.retire(shared.make());
        own.release(own.make());
        own.retire(own.make());
        void* p = gs_kmalloc(100, 0);
        gs_retire(p);
        graceslab::rcu_retire(shared.make(), [this](node* n) { shared.release(n); });
      }
    }
  }
};

TEST(ForkUnderFire, I8_EveryChildFindsAConsistentLibrary) {
  hammer others(3);
  const int rounds = with_tsan || with_asan ? 15 : 60;
  for (int i = 0; i < rounds; ++i) {
    const child_result child = run_fork([&others] {
      for (int k = 0; k < 300; ++k) others.shared.retire(others.shared.make());
      if (others.shared.barrier() != graceslab::errc::ok) return 8;
      return use_everything();
    });
    ASSERT_TRUE(child.fine()) << "round " << i << ": " << child.story();
  }
}

// What another thread was about to give back at the fork is in use for good there, one run each.
// All others are retired or home.
struct run_hammer {
  static constexpr unsigned threads = 3;
  std::atomic<bool> stop{false};
  std::atomic<void*> last[threads]{};
  std::vector<std::thread> all;
  run_hammer() {
    for (unsigned i = 0; i != threads; ++i)
      all.emplace_back([this, i] {
        for (unsigned n = i; !stop; ++n) {
          void* run = kmalloc(1'200'000, GFP_KERNEL);
          last[i] = run;
          n % 4 == 0 ? kfree(run) : gs_retire(run);
          if (n % 32 == 0) kfree_rcu_barrier();  // or they pile up
        }
      });
  }
  ~run_hammer() {
    stop = true;
    for (auto& t : all) t.join();
  }
};

int count_runs(run_hammer& others) {
  kfree_rcu_barrier();
  gs_cache_stats runs = {};
  gs_caches_visit(
      [](const gs_cache_stats* s, void* to) {
        if (std::string_view(s->name) == "kmalloc-large") *static_cast<gs_cache_stats*>(to) = *s;
      },
      &runs);
  if (runs.retired == 0 || runs.retired != runs.reclaimed) return 1;
  if (runs.live > run_hammer::threads || runs.leaked != 0) return 2;
  for (const std::atomic<void*>& run : others.last) {
    gs_object_info info;
    const bool known = gs_object_lookup(run, &info) == 0;
    if (known && info.state != GS_STATE_LIVE && info.state != GS_STATE_FREE) return 3;
  }
  return 0;
}

TEST(ForkUnderFire, I8_NoRunIsLostBetweenItsStateAndItsListInTheChild) {
  gs_retire(kmalloc(1'200'000, GFP_KERNEL));
  const int rounds = with_tsan || with_asan ? 20 : 100;
  run_hammer others;
  for (int i = 0; i < rounds; ++i) {
    const child_result child = run_fork([&others] { return count_runs(others); });
    ASSERT_TRUE(child.fine()) << "round " << i << ": " << child.story();
  }
}

TEST(ForkUnderFire, I8_SeveralThreadsForkAtOnce) {
  hammer others(1);
  std::mutex lock;
  std::string failures;
  std::vector<std::thread> forkers;
  std::barrier all_there(3);
  for (int t = 0; t < 3; ++t)
    forkers.emplace_back([&] {
      all_there.arrive_and_wait();
      for (int i = 0; i < (with_tsan || with_asan ? 4 : 15); ++i) {
        const child_result child = run_fork(use_everything);
        std::lock_guard guard(lock);
        if (!child.fine()) failures += child.story();
      }
      all_there.arrive_and_wait();
    });
  for (auto& t : forkers) t.join();
  EXPECT_EQ(failures, "");
}

}  // namespace
