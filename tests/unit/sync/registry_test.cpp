// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contract R4: no registration call is needed; a thread may end at any moment.
#include "sync/registry.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "os/clock.hpp"
#include "os/fault.hpp"
#include "os/thread.hpp"

namespace {

using namespace graceslab;

std::uint32_t ends, dead_in_child;
__thread const sync::thread_record* between;  // what the first hook saw and the second did not yet

void first_end(sync::thread_record& r) {
  EXPECT_EQ(between, nullptr);
  between = &r;
  if (!r.tls) gs_fetch_add(&dead_in_child, 1u);
}
void second_end(sync::thread_record& r) {
  EXPECT_EQ(between, &r);
  between = nullptr;
  gs_fetch_add(&ends, 1u);
}

void watch_ends() {
  static bool watching;
  if (watching) return;
  watching = true;
  sync::on_thread_end(102, second_end);
  sync::on_thread_end(101, first_end);
}

TEST(Registry, EndHooksRunOnceByRank) {
  watch_ends();
  const auto before = gs_load_acquire(&ends);
  for (int i = 0; i < 5; ++i) std::thread([] { sync::this_thread(); }).join();
  std::thread([] {}).join();  // never used the library
  EXPECT_EQ(gs_load_acquire(&ends), before + 5);
}

TEST(Registry, SameRecordWhileTheThreadLives) {
  sync::thread_record* mine = sync::this_thread();
  ASSERT_NE(mine, nullptr);
  EXPECT_EQ(sync::this_thread(), mine);
  EXPECT_EQ(mine->tls, &gs_tls);
  EXPECT_EQ(mine->tid, os::tid());
  EXPECT_EQ(gs_tls.thread, mine);
}

TEST(Registry, UnregisteredThreadPointsAtTheDummies) {
  std::thread([] {
    EXPECT_EQ(gs_tls.reader, &sync::reader_dummy);
    EXPECT_EQ(gs_load_relaxed(&gs_tls.reader->word) & GS_NEST_MASK, GS_NEST_MASK);
    for (gs_local* local : gs_tls.local) {
      EXPECT_EQ(local, &sync::local_dummy);
      EXPECT_FALSE(gs_local_enter(local));
      gs_local_leave(local);
    }
    EXPECT_EQ(gs_tls.thread, nullptr);
  }).join();
}

TEST(Registry, ChurnReusesRecordsAndNumbers) {
  const auto before = sync::threads_known();
  std::set<std::uint32_t> numbers;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::thread> some;
    std::vector<std::uint32_t> now(4);
    for (int i = 0; i < 4; ++i)
      some.emplace_back([&now, i] { now[static_cast<size_t>(i)] = sync::this_thread()->number; });
    for (auto& thread : some) thread.join();
    numbers.insert(now.begin(), now.end());
  }
  EXPECT_LE(numbers.size(), 8u);
  EXPECT_EQ(sync::threads_known(), before);
}

TEST(Registry, WalkFindsTheLiving) {
  std::uint32_t up = 0, stop = 0;
  std::vector<std::thread> some;
  for (int i = 0; i < 5; ++i)
    some.emplace_back([&] {
      sync::this_thread();
      gs_fetch_add(&up, 1u);
      while (!gs_load_acquire(&stop)) os::sleep_us(100);
    });
  while (gs_load_acquire(&up) != 5) os::yield();
  sync::this_thread();
  unsigned found = 0;
  std::set<std::uint32_t> numbers;
  {
    sync::lock_guard guard(sync::registry_lock);
    for (auto* r = sync::registry_first(); r; r = r->next) {
      EXPECT_NE(r->tls, nullptr);
      EXPECT_TRUE(os::thread_alive(r->tid));
      numbers.insert(r->number);
      ++found;
    }
  }
  EXPECT_GE(found, 6u);
  EXPECT_EQ(numbers.size(), found);
  EXPECT_EQ(sync::threads_known(), found);
  gs_store_release(&stop, 1u);
  for (auto& thread : some) thread.join();
}

TEST(Registry, WithoutMemoryThereIsNoRecordAndLaterThereIs) {
  constexpr std::uint32_t crowd = 300;
  std::vector<std::thread> some;
  std::uint32_t refused = 0, stop = 0, counted = 0;
  const gs_fault fault = {1'000'000, 0, -1, 0};
  gs_fault_set(GS_FAULT_META, &fault);
  for (std::uint32_t i = 0; i < crowd; ++i)  // more than a chunk of records holds
    some.emplace_back([&] {
      if (!sync::this_thread()) gs_fetch_add(&refused, 1u);
      gs_fetch_add(&counted, 1u);
      while (!gs_load_acquire(&stop)) os::sleep_us(1000);
      if (!gs_tls.thread) {
        EXPECT_NE(sync::this_thread(), nullptr);
      }
    });
  while (gs_load_acquire(&counted) != crowd) os::sleep_us(100);
  gs_fault_set(GS_FAULT_META, nullptr);
  gs_store_release(&stop, 1u);
  for (auto& thread : some) thread.join();
  EXPECT_GT(refused, 0u);
}

// A destructor that runs after ours uses the library again.
TEST(Registry, ThreadMayComeBackWhileItEnds) {
  static pthread_key_t key;
  static int rounds;
  rounds = 0;
  const auto before = sync::threads_known();
  ASSERT_EQ(pthread_key_create(&key,
                               [](void* value) {
                                 EXPECT_NE(sync::this_thread(), nullptr);
                                 if (++rounds < 3) pthread_setspecific(key, value);
                               }),
            0);
  std::thread([] {
    sync::this_thread();
    pthread_setspecific(key, &key);
  }).join();
  EXPECT_EQ(rounds, 3);
  EXPECT_EQ(sync::threads_known(), before);
  pthread_key_delete(key);
}

// Contract I8: fork with other threads alive.
TEST(Registry, ForkedChildKeepsOnlyItsOwnThread) {
  watch_ends();
  sync::this_thread();
  std::uint32_t up = 0, stop = 0;
  std::vector<std::thread> some;
  for (int i = 0; i < 3; ++i)
    some.emplace_back([&] {
      sync::this_thread();
      gs_fetch_add(&up, 1u);
      while (!gs_load_acquire(&stop)) os::sleep_us(100);
    });
  while (gs_load_acquire(&up) != 3) os::yield();
  const pid_t child = fork();
  if (child == 0) {
    const bool alone = sync::threads_known() == 1 && sync::registry_first() == gs_tls.thread;
    const bool mine = sync::this_thread()->tid == static_cast<std::uint32_t>(getpid());
    const bool told = dead_in_child == 3;
#if defined(__SANITIZE_THREAD__)
    bool again = true;  // its run time does not allow new threads in a child
#else
    bool again = false;
    std::thread([&] { again = sync::this_thread() && sync::threads_known() == 2; }).join();
#endif
    _exit(alone && mine && told && again ? 0 : 1 + alone + 2 * mine + 4 * told + 8 * again);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
  gs_store_release(&stop, 1u);
  for (auto& thread : some) thread.join();
}

}  // namespace
