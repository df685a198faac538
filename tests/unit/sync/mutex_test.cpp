// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "sync/mutex.hpp"

#include <graceslab/detail/atomic.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "os/clock.hpp"
#include "sync/event.hpp"

namespace {

using namespace graceslab;
using sync::rank;

TEST(Mutex, ExcludesAndPublishes) {
  sync::mutex m(rank::shard);
  std::uint64_t plain = 0, pair = 0;
  constexpr int threads = 4, rounds = 50'000;
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t)
    running.emplace_back([&] {
      for (int i = 0; i < rounds; ++i) {
        sync::lock_guard guard(m);
        EXPECT_EQ(plain, pair);
        ++plain;
        ++pair;
      }
    });
  for (auto& thread : running) thread.join();
  EXPECT_EQ(plain, std::uint64_t{threads} * rounds);
}

// Holders that sleep send every taker into the kernel.
TEST(Mutex, SleepersAreAllWoken) {
  sync::mutex m(rank::shard);
  int count = 0;
  std::vector<std::thread> running;
  for (int t = 0; t < 8; ++t)
    running.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        sync::lock_guard guard(m);
        ++count;
        os::sleep_us(200);
      }
    });
  for (auto& thread : running) thread.join();
  EXPECT_EQ(count, 160);
}

TEST(Mutex, TryLockTakesAnyRankAndRefusesWhenHeld) {
  sync::mutex low(rank::caches), high(rank::heap);
  sync::lock_guard guard(high);
  EXPECT_TRUE(low.try_lock());
  EXPECT_FALSE(low.try_lock());
  std::thread([&] { EXPECT_FALSE(high.try_lock()); }).join();
  low.unlock();
}

TEST(Mutex, KeepsErrno) {
  sync::mutex m(rank::shard);
  m.lock();
  std::thread other([&] {
    errno = EXDEV;
    m.lock();
    EXPECT_EQ(errno, EXDEV);
    m.unlock();
  });
  os::sleep_us(10'000);
  m.unlock();
  other.join();
}

TEST(Mutex, UnlockOrderIsFree) {
  sync::mutex a(rank::caches), b(rank::cache), c(rank::heap);
  a.lock();
  b.lock();
  a.unlock();
  c.lock();
  b.unlock();
  c.unlock();
  a.lock();
  a.unlock();
}

#if defined(GRACESLAB_CHECKS) || !defined(NDEBUG)
TEST(MutexDeathTest, FallingRankIsFound) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  sync::mutex low(rank::caches), high(rank::heap), same(rank::heap);
  sync::lock_guard guard(high);
  EXPECT_DEATH(low.lock(), "lock of rank 15 taken while one of rank 60 is held");
  EXPECT_DEATH(same.lock(), "lock of rank 60 taken while one of rank 60 is held");
}

TEST(MutexDeathTest, ForeignUnlockIsFound) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  sync::mutex m(rank::caches);
  EXPECT_DEATH(m.unlock(), "does not hold");
}
#endif

TEST(Event, PingPongLosesNoNotification) {
  sync::event ping, pong;
  std::uint32_t ball = 0;
  constexpr std::uint32_t rounds = 20'000;
  const auto wait_for = [&](sync::event& e, std::uint32_t value) {
    for (;;) {
      const auto ticket = e.ticket();
      if (gs_load_acquire(&ball) == value) return;
      e.wait(ticket, os::forever_ms);
    }
  };
  std::thread other([&] {
    for (std::uint32_t i = 0; i < rounds; ++i) {
      wait_for(ping, 2 * i + 1);
      gs_store_release(&ball, 2 * i + 2);
      pong.notify_all();
    }
  });
  for (std::uint32_t i = 0; i < rounds; ++i) {
    gs_store_release(&ball, 2 * i + 1);
    ping.notify_all();
    wait_for(pong, 2 * i + 2);
  }
  other.join();
}

TEST(Event, TimesOut) {
  sync::event e;
  const auto start = os::now_ns();
  EXPECT_FALSE(e.wait(e.ticket(), 20));
  EXPECT_GE(os::now_ns() - start, 18'000'000u);
}

TEST(Event, OldTicketReturnsAtOnce) {
  sync::event e;
  const auto ticket = e.ticket();
  e.notify_all();
  EXPECT_TRUE(e.wait(ticket, os::forever_ms));
}

TEST(Event, WakesAllAndVirtualTimeEndsTimeOuts) {
  sync::event e;
  const auto ticket = e.ticket();
  std::vector<std::thread> running;
  for (int i = 0; i < 6; ++i) running.emplace_back([&] { EXPECT_TRUE(e.wait(ticket, 600'000)); });
  os::sleep_us(10'000);
  e.notify_all();
  for (auto& thread : running) thread.join();

  os::set_clock_virtual(true);
  std::thread sleeper([&] { EXPECT_FALSE(e.wait(e.ticket(), 600'000)); });
  os::sleep_us(10'000);
  os::advance_clock(600'000);
  for (std::uint32_t i = 0; i < 3; ++i) {  // in case it began to wait only now
    os::sleep_us(10'000);
    os::advance_clock(600'000);
  }
  sleeper.join();
  os::set_clock_virtual(false);
}

}  // namespace
