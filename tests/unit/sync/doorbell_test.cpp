// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "sync/doorbell.hpp"

#include <graceslab/detail/atomic.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "os/clock.hpp"

namespace {

using namespace graceslab;

struct alignas(128) line {
  std::uint64_t word = 0;
};

struct desk {
  sync::doorbell bell;
  line posted[3];  // one per ringer, plain stores: the doorbell orders them
  line handled[3];
  bool any() const {
    for (int i = 0; i < 3; ++i)
      if (gs_load_acquire(&posted[i].word) != gs_load_relaxed(&handled[i].word)) return true;
    return false;
  }
};

// Each ringer posts one item, rings, and waits until it was handled. The sleeper has no time-out,
// so one lost wake-up ends the test run.
TEST(Doorbell, NoLostWakeUp) {
  static desk d;
  static std::uint32_t stop;
  std::thread sleeper([] {
    while (!gs_load_acquire(&stop)) {
      for (int i = 0; i < 3; ++i)
        gs_store_release(&d.handled[i].word, gs_load_acquire(&d.posted[i].word));
      d.bell.sleep([](void*) { return d.any() || gs_load_acquire(&stop) != 0; }, nullptr,
                   os::forever_ms);
    }
  });
  constexpr std::uint64_t rounds_least = 100;
  const auto until = os::now_ns() + 1'000'000'000;
  std::vector<std::thread> ringers;
  for (int i = 0; i < 2; ++i)
    ringers.emplace_back([i, until] {
      for (std::uint64_t n = 0; n < rounds_least || os::now_ns() < until; ++n) {
        gs_store_release(&d.posted[i].word, n + 1);
        d.bell.ring();
        while (gs_load_acquire(&d.handled[i].word) != n + 1) gs_cpu_relax();
        for (std::uint64_t pause = n * 7 % 200; pause > 0; --pause) gs_cpu_relax();
      }
    });
  for (auto& ringer : ringers) ringer.join();
  gs_store_release(&stop, 1u);
  d.bell.ring();
  sleeper.join();
}

TEST(Doorbell, WorkBeforeSleepIsFoundWithoutARing) {
  sync::doorbell bell;
  EXPECT_TRUE(bell.sleep([](void*) { return true; }, nullptr, os::forever_ms));
}

TEST(Doorbell, TimesOut) {
  sync::doorbell bell;
  EXPECT_FALSE(bell.sleep([](void*) { return false; }, nullptr, 10));
  bell.ring();  // nobody sleeps: no effect
  EXPECT_FALSE(bell.sleep([](void*) { return false; }, nullptr, 10));
}

TEST(Doorbell, RingWakes) {
  static sync::doorbell bell;
  std::thread ringer([] {
    os::sleep_us(20'000);
    bell.ring();
  });
  EXPECT_TRUE(bell.sleep([](void*) { return false; }, nullptr, 600'000));
  ringer.join();
}

}  // namespace
