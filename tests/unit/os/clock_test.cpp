// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contract R14: one clock that tests can drive.
#include "os/clock.hpp"

#include <graceslab/detail/abi.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "os/futex.hpp"

namespace {

using namespace graceslab;

class virtual_time {
 public:
  virtual_time() { gs_clock_virtual(1); }
  ~virtual_time() { gs_clock_virtual(0); }
};

std::uint64_t real_ms() { return os::now_ns() / 1'000'000; }

TEST(Clock, StandsStillUntilAdvanced) {
  virtual_time stopped;
  const auto start = gs_clock_now_ms();
  os::sleep_us(20'000);
  EXPECT_EQ(gs_clock_now_ms(), start);
  gs_clock_advance(21'000);
  EXPECT_EQ(gs_clock_now_ms(), start + 21'000);
}

TEST(Clock, NeverGoesBackWhenSwitched) {
  const auto start = os::now_ms();
  std::uint64_t ahead;
  {
    virtual_time stopped;
    EXPECT_GE(os::now_ms(), start);
    gs_clock_advance(5'000'000);
    ahead = os::now_ms();
  }
  const auto back = os::now_ms();
  EXPECT_GE(back, ahead);
  EXPECT_LT(back, ahead + 60'000);
  os::sleep_us(30'000);
  EXPECT_GE(os::now_ms(), back + 25);
}

TEST(Clock, OffsetMayBeNegative) {
  {
    virtual_time stopped;
    os::sleep_us(50'000);
  }
  const auto a = os::now_ms();
  os::sleep_us(20'000);
  const auto b = os::now_ms();
  EXPECT_GE(b, a + 15);
  EXPECT_LT(b, a + 60'000);
}

TEST(Futex, TimesOutAfterTheTime) {
  std::uint32_t word = 1;
  errno = EXDEV;
  const auto start = real_ms();
  EXPECT_FALSE(os::futex_wait(&word, 1, 30));
  EXPECT_GE(real_ms() - start, 28u);
  EXPECT_LT(real_ms() - start, 60'000u);
  EXPECT_EQ(errno, EXDEV);
}

TEST(Futex, OtherValueReturnsAtOnce) {
  std::uint32_t word = 1;
  EXPECT_TRUE(os::futex_wait(&word, 2, 10'000));
  EXPECT_TRUE(os::futex_wait(&word, 2));
  EXPECT_FALSE(os::futex_wait(&word, 1, 0));
  EXPECT_TRUE(os::futex_wait(&word, 2, 0));
}

void wakes(std::uint64_t timeout_ms) {
  std::uint32_t word = 0;
  std::thread waker([&] {
    os::sleep_us(20'000);
    gs_store_release(&word, 1u);
    os::futex_wake(&word, 1);
  });
  while (gs_load_acquire(&word) == 0) EXPECT_TRUE(os::futex_wait(&word, 0, timeout_ms));
  waker.join();
}

TEST(Futex, IsWokenWithTimeOut) { wakes(60'000); }
TEST(Futex, IsWokenWithoutTimeOut) { wakes(os::forever_ms); }
TEST(Futex, IsWokenWhileTimeStandsStill) {
  virtual_time stopped;
  wakes(60'000);
}

TEST(Futex, StandingTimeNeverTimesOut) {
  virtual_time stopped;
  std::uint32_t word = 0, done = 0;
  std::thread sleeper([&] {
    EXPECT_FALSE(os::futex_wait(&word, 0, 10));
    gs_store_release(&done, 1u);
  });
  os::sleep_us(60'000);
  EXPECT_EQ(gs_load_acquire(&done), 0u);
  gs_clock_advance(9);
  os::sleep_us(20'000);
  EXPECT_EQ(gs_load_acquire(&done), 0u);
  gs_clock_advance(1);
  sleeper.join();
}

TEST(Clock, AdvanceWakesSleepers) {
  for (int round = 0; round < 200; ++round) {
    virtual_time stopped;
    std::uint32_t word = 0;
    std::thread a([&] { EXPECT_FALSE(os::futex_wait(&word, 0, 21'000)); });
    std::thread b([&] { EXPECT_FALSE(os::futex_wait(&word, 0, 63'000)); });
    gs_clock_advance(30'000);  // before, while or after they begin to sleep
    gs_clock_advance(30'000);
    // Whenever they began, time goes on until both are done.
    std::uint32_t stop = 0;
    std::thread tick([&] {
      while (!gs_load_acquire(&stop)) {
        gs_clock_advance(10'000);
        os::sleep_us(100);
      }
    });
    a.join();
    b.join();
    gs_store_release(&stop, 1u);
    tick.join();
  }
}

TEST(Clock, SwitchingToVirtualTimeReachesThoseWhoSleepInRealTime) {
  std::uint32_t word = 0;
  const auto start = real_ms();
  std::thread sleeper([&] { EXPECT_FALSE(os::futex_wait(&word, 0, 3'600'000)); });
  os::sleep_us(20'000);
  {
    virtual_time stopped;
    gs_clock_advance(3'600'000);
    sleeper.join();
  }
  EXPECT_LT(real_ms() - start, 30'000u);
}

}  // namespace
