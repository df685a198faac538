// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Threads that come and go as they please. Contract R4, R6, I8 (thread exit).
#include <gtest/gtest.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <thread>
#include <vector>

#include "reports_seen.hpp"

namespace {

struct node {
  rcu_head head;  // first
  long value;
};

std::atomic<unsigned> ran;
void count(rcu_head*) { ++ran; }

std::uint64_t in_flight(const graceslab::cache<node>& cache) {
  const graceslab::cache_stats s = graceslab::stats(cache);
  return s.retired - s.reclaimed;
}

TEST(ThreadExit, R4_WhatIsPendingComesHome) {
  ran = 0;
  graceslab::cache<node> cache("handed-on");
  static node nodes[8][25];
  for (auto& mine : nodes)
    std::thread([&] {
      for (node& n : mine) {
        cache.retire(cache.make());  // stays in a partial array
        gs_call_rcu(nullptr, &n.head, count, nullptr);
      }
    }).join();
  EXPECT_EQ(cache.barrier(), graceslab::errc::ok);
  EXPECT_EQ(in_flight(cache), 0u);
  graceslab::rcu_barrier();
  EXPECT_EQ(ran, 200u);
  const graceslab::cache_stats s = graceslab::stats(cache);
  EXPECT_EQ(s.live, 0u);
  EXPECT_EQ(s.carved, s.parked + s.free_in_slabs);  // the equation of a cache at rest
}

// R4: no registration call, from a raw thread as from any other; objects freed by others than their
// makers.
TEST(ThreadExit, R4_ForeignThreadsNeedNoRegistration) {
  static graceslab::cache<node> cache("foreign");
  static std::vector<node*> made(100);
  for (node*& n : made) n = cache.make();
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void*) -> void* {
                  graceslab::rcu_reader section;
                  for (node* n : made) cache.retire(n);
                  return nullptr;
                },
                nullptr),
            0);
  pthread_join(thread, nullptr);
  EXPECT_EQ(cache.barrier(), graceslab::errc::ok);
  EXPECT_EQ(in_flight(cache), 0u);
}

TEST(ThreadExit, R4_AThreadThatEndsInsideASectionIsReportedAndHoldsNothingBack) {
  reports_seen reports;
  std::thread([] {
    graceslab::rcu_default_domain().lock();
    graceslab::rcu_default_domain().lock();
  }).join();
  EXPECT_EQ(reports.of(GS_REPORT_THREAD_ENDED_IN_READER), 1u) << reports.text();
  graceslab::rcu_synchronize();
}

// ---- destructors that come after the library's own ----

struct late_user {
  graceslab::cache<node>* cache;
  rcu_head head;
  int rounds;
};
pthread_key_t late_key;

void use(late_user* u) {
  {
    graceslab::rcu_reader section;
    u->cache->retire(u->cache->make());
    u->cache->release(u->cache->make());
  }
  graceslab::rcu_synchronize();
}

// Four rounds: as often as glibc calls destructors of values that were set again.
void use_late(void* value) {
  auto* u = static_cast<late_user*>(value);
  use(u);
  if (--u->rounds > 0) pthread_setspecific(late_key, value);
  if (u->rounds == 0) gs_call_rcu(nullptr, &u->head, count, nullptr);
}

TEST(ThreadExit, R4_R6_KeyDestructorsMayUseTheLibraryInEveryRound) {
#if defined(__SANITIZE_THREAD__)
  // The sanitizer takes its own state of a thread apart in a late round; instrumented code crashes
  // there whatever it calls.
  constexpr int rounds = 1;
#else
  constexpr int rounds = PTHREAD_DESTRUCTOR_ITERATIONS;
#endif
  reports_seen reports;
  ran = 0;
  static graceslab::cache<node> cache("late");
  gs_kfree(gs_kmalloc(8, 0));  // the library's key exists: ours comes after it
  ASSERT_EQ(pthread_key_create(&late_key, use_late), 0);
  static late_user users[6];
  const std::uint64_t readers_before = graceslab::stats().readers;
  for (late_user& u : users) {
    u = {&cache, {}, rounds};
    std::thread([&u] {
      use(&u);
      pthread_setspecific(late_key, &u);
    }).join();
  }
  EXPECT_EQ(cache.barrier(), graceslab::errc::ok);
  EXPECT_EQ(in_flight(cache), 0u);
  graceslab::rcu_barrier();
  EXPECT_EQ(ran, 6u);
  EXPECT_EQ(reports.all(), 0u) << reports.text();
  EXPECT_LE(graceslab::stats().readers,
            readers_before + 6);  // ... that a last round may leave behind
  pthread_key_delete(late_key);
}

struct ends_with_thread {
  late_user* user = nullptr;
  ~ends_with_thread() {
    if (user != nullptr) use(user);
  }
};
thread_local ends_with_thread at_end;

TEST(ThreadExit, R4_R6_ThreadLocalDestructorsMayUseTheLibrary) {
  reports_seen reports;
  static graceslab::cache<node> cache("thread-local");
  static late_user user{&cache, {}, 0};
  for (int i = 0; i < 8; ++i) std::thread([] { at_end.user = &user; }).join();
  EXPECT_EQ(cache.barrier(), graceslab::errc::ok);
  EXPECT_EQ(in_flight(cache), 0u);
  EXPECT_EQ(reports.all(), 0u) << reports.text();
}

TEST(ThreadExit, R4_ThreadsWithoutEndReuseTheirPlaces) {
  graceslab::cache<node> cache("many-threads");
  for (int i = 0; i < 2000; ++i)
    std::thread([&] {
      graceslab::rcu_reader section;
      cache.retire(cache.make());
    }).join();
  EXPECT_LE(graceslab::stats().readers, 64u);
  EXPECT_EQ(cache.barrier(), graceslab::errc::ok);
  EXPECT_LE(graceslab::stats(cache).resident_bytes, 1u << 20);
}

TEST(ThreadExit, C5_AThreadThatEndsLeavesNoParkedObjectsBehind) {
  graceslab::cache<node> cache("parked");
  std::vector<std::thread> all;
  for (int t = 0; t < 8; ++t)
    all.emplace_back([&] {
      std::vector<node*> some(500);
      for (node*& n : some) n = cache.make();
      for (node* n : some) cache.release(n);
    });
  for (auto& t : all) t.join();
  EXPECT_TRUE(cache.shrink());  // nothing left
}

// ---- cancellation: no lock is held across a cancellation point (R6) ----

void* wait_for_ever(void* arg) {
  sem_post(static_cast<sem_t*>(arg));
  for (;;) {
    graceslab::rcu_barrier();
    graceslab::rcu_synchronize();
    graceslab::retire_barrier();
    pthread_testcancel();
  }
}

TEST(ThreadCancel, R6_ACancelledWaitLeavesNothingLocked) {
  static graceslab::cache<node> cache("cancelled");
  std::atomic<bool> leave{false};
  std::thread reader([&] {  // so that waits do block
    while (!leave) {
      graceslab::rcu_reader section;
      usleep(300);
    }
  });
  static node nodes[100];
  ran = 0;
  for (node& n : nodes) {
    gs_call_rcu(nullptr, &n.head, count, nullptr);
    cache.retire(cache.make());
    sem_t started;
    sem_init(&started, 0, 0);
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, nullptr, wait_for_ever, &started), 0);
    while (sem_wait(&started) != 0) continue;
    if ((&n - nodes) % 2 != 0) usleep(200);
    pthread_cancel(thread);
    pthread_join(thread, nullptr);
  }
  leave = true;
  reader.join();
  graceslab::rcu_barrier();
  EXPECT_EQ(ran, 100u);
  EXPECT_EQ(cache.barrier(), graceslab::errc::ok);
  EXPECT_EQ(in_flight(cache), 0u);
}

// A callback that a barrier runs for somebody else is not cut short by that thread's cancellation.
struct slow_callback {
  rcu_head head;  // first
  sem_t inside, leave;
  std::atomic<bool> returned{false};
  static void run(rcu_head* head) {
    auto* self = reinterpret_cast<slow_callback*>(head);
    sem_post(&self->inside);
    while (sem_wait(&self->leave) != 0) continue;  // a cancellation point
    self->returned = true;
  }
};

TEST(ThreadCancel, R6_ACallbackRunsToItsEnd) {
  ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0);  // the barrier's thread runs it
  slow_callback slow;
  sem_init(&slow.inside, 0, 0);
  sem_init(&slow.leave, 0, 0);
  gs_call_rcu(nullptr, &slow.head, slow_callback::run, nullptr);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void*) -> void* {
                  graceslab::rcu_barrier();
                  pthread_testcancel();
                  return nullptr;
                },
                nullptr),
            0);
  while (sem_wait(&slow.inside) != 0) continue;
  pthread_cancel(thread);
  usleep(20'000);
  sem_post(&slow.leave);
  void* result = nullptr;
  pthread_join(thread, &result);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  EXPECT_TRUE(slow.returned);
  if (slow.returned) graceslab::rcu_barrier();  // would hang on a callback that never returned
  gs_config_set("GRACESLAB_BACKGROUND", "1");
}

// ---- errno (R6) ----

TEST(Errno, R6_FreeRetireAndCallKeepIt) {
  graceslab::cache<node> cache("errno");
  static node nodes[3000];
  std::thread([&] {  // a fresh thread: the first use of everything counts too
    for (node& n : nodes) {
      node* a = cache.make();
      node* b = cache.make();
      void* c = gs_kmalloc(40, 0);
      void* d = gs_kmalloc(200000, 0);
      errno = 4711;
      { graceslab::rcu_reader section; }
      gs_call_rcu(nullptr, &n.head, count, nullptr);
      cache.retire(a);
      cache.release(b);
      gs_retire(c);
      gs_kfree(d);
      ASSERT_EQ(errno, 4711);
    }
  })
      .join();
  graceslab::rcu_barrier();
}

// A closed domain takes no callback: it runs in the call, and what it does to errno stays there.
TEST(Errno, R6_CallKeepsItFromWhatItRunsInTheCall) {
  const gs_domain_options options = {"errno", 0, 0, 0};
  gs_domain* d = gs_domain_create(&options);
  ASSERT_NE(d, nullptr);
  ASSERT_EQ(gs_domain_close(d), 0);
  static int seen;
  seen = 0;
  rcu_head head;
  errno = 4711;
  gs_call_rcu(
      d, &head, [](rcu_head*) { seen = close(-1) == -1 ? errno : 0; }, nullptr);
  EXPECT_EQ(errno, 4711);
  EXPECT_EQ(seen, EBADF);
  EXPECT_EQ(gs_domain_destroy(d), 0);
}

TEST(Errno, R6_ReportsKeepItToo) {
  reports_seen reports;
  errno = 4711;
  int local = 0;
  gs_kfree(&local);
  graceslab::rcu_default_domain().unlock();
  EXPECT_EQ(errno, 4711);
  EXPECT_EQ(reports.all(), 2u) << reports.text();
}

}  // namespace
