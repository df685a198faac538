// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the system refuses: fences, address space, threads. Contract I8, C6, R3, R6, R14; the ladder
// of fences.
#include <gtest/gtest.h>

#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <thread>

#include "child_process.hpp"
#include "reports_seen.hpp"

namespace {

child_result under(const char* role, const std::vector<std::string>& settings = {}) {
  return run_child({GRACESLAB_CHILD_DIR "/limits", role}, settings, 60000);
}

// Sanitizers reserve terabytes of shadow: no limit on the address space is small enough to say
// anything about the library and large enough for them.
constexpr bool address_space_can_be_limited = !with_asan && !with_tsan;

TEST(LimitsFence, I8_MembarrierIsTheFirstChoice) {
  const child_result child = under("scenario");
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
  EXPECT_TRUE(child.said("fence 0")) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

TEST(LimitsFence, I8_FencesInTheReaderServeAsWell) {
  const child_result child = under("scenario", {"GRACESLAB_FENCE=reader"});
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
  EXPECT_TRUE(child.said("fence 1")) << child.story();
}

TEST(LimitsFence, I8_TheShootDownServesAsWell) {
  const child_result child = under("scenario", {"GRACESLAB_FENCE=mprotect"});
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
  EXPECT_TRUE(child.said("fence 2") || child.reported("bad-config")) << child.story();
}

TEST(LimitsFence, I8_WithoutMembarrierFromTheStartReadersFence) {
  const child_result child = under("no-membarrier");
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
  EXPECT_TRUE(child.said("fence 1")) << child.story();
}

TEST(LimitsFence, I8_WithoutMembarrierLaterTheShootDownTakesOver) {
  const child_result child = under("no-membarrier-later");
  if (child.said("fence 3")) GTEST_SKIP() << "this machine shoots pages down without interrupts";
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
  EXPECT_TRUE(child.said("fence 2")) << child.story();
}

TEST(LimitsMemory, C6_ASmallAddressSpaceFromTheStart) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  const child_result child = under("small-address-space");
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
}

TEST(LimitsMemory, C6_ASmallAddressSpaceLater) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  const child_result child = under("small-address-space-later");
  EXPECT_TRUE(child.fine()) << child.story();
}

TEST(LimitsMemory, B4_MostOfASmallAddressSpaceIsUsable) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  const child_result child = under("small-range");
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

TEST(LimitsMemory, K6_ARetiredRunComesHomeForTheNext) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  const child_result child = under("small-range-full", {"GRACESLAB_BACKGROUND=0"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("no-memory")) << child.story();
}

TEST(LimitsMemory, R6_ErrnoIsKeptWhereTheSystemRefusesMemory) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  const child_result child = under("keep-errno");
  EXPECT_TRUE(child.fine()) << child.story();
}

TEST(LimitsMemory, B4_StartingChargesLittle) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers charge memory of their own";
  const child_result child = under("charge");
  EXPECT_TRUE(child.fine()) << child.story();
}

TEST(LimitsMemory, B4_ATinyAddressSpaceIsEnough) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  for (const char* role : {"48-MiB", "240-MiB"}) {
    const child_result child = under(role);
    EXPECT_TRUE(child.fine()) << child.story();
    EXPECT_FALSE(child.reported_anything()) << child.story();
  }
}

TEST(LimitsMemory, B4_LockedMemoryStaysSmall) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers lock memory of their own";
  for (const char* role : {"locked", "locked-later"}) {
    const child_result child = under(role);
    EXPECT_TRUE(child.fine()) << child.story();
    EXPECT_FALSE(child.reported_anything()) << child.story();
  }
}

TEST(LimitsMemory, B4_TheLimitThatIsTheReasonIsNamed) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  const child_result data = under("data-limit");
  EXPECT_TRUE(data.fine()) << data.story();
  EXPECT_TRUE(data.reported("no-memory")) << data.story();
  EXPECT_NE(data.story().find("RLIMIT_DATA is 24 MiB"), std::string::npos) << data.story();
  const child_result space = under("small-range-full", {"GRACESLAB_BACKGROUND=0"});
  EXPECT_NE(space.story().find("RLIMIT_AS is 512 MiB"), std::string::npos) << space.story();
}

TEST(LimitsMemory, B2_B4_WhatWasGivenBackServesOthersUnderALimitOnData) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  const child_result child = under("data-back", {"GRACESLAB_BACKGROUND=0"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

TEST(LimitsMemory, B9_ZeroedMemoryIsZeroWhereNothingCanBeDiscarded) {
  const child_result child = under("no-discard");
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
}

TEST(LimitsMemory, C6_WithoutARecordCreationSaysSo) {
  if (!address_space_can_be_limited) GTEST_SKIP() << "sanitizers need all of it";
  const child_result child = under("use-every-record");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("no-record")) << child.story();
}

TEST(LimitsThreads, I8_WithoutAnyNewThreadTheCallersDrive) {
  const child_result child = under("no-threads");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("no-thread")) << child.story();
}

TEST(LimitsThreads, I8_BackgroundSwitchedOff) {
  const child_result child = under("scenario", {"GRACESLAB_BACKGROUND=0"});
  EXPECT_TRUE(child.fine() && child.said("scenario fine")) << child.story();
}

// The same by fault injection; starting is tried again when the system has recovered.
TEST(LimitsThreads, I8_WhenThreadsCannotStartItIsReportedAndTriedAgain) {
  reports_seen reports;
  gs_fault always = {1000000, 1, -1, 0};
  gs_fault_set(GS_FAULT_THREAD, &always);
  static unsigned ran;
  static rcu_head heads[50], later;
  const rcu_callback_t count = [](rcu_head*) { gs_fetch_add(&ran, 1u); };
  {
    graceslab::cache<long> cache("unattended");
    for (rcu_head& head : heads) gs_call_rcu(nullptr, &head, count, nullptr);
    for (int i = 0; i < 1000; ++i) cache.retire(cache.make());
    graceslab::rcu_barrier();
    EXPECT_EQ(ran, 50u);
    EXPECT_EQ(cache.barrier(), graceslab::errc::ok);
    for (int i = 0; i < 1000; ++i) cache.retire(cache.make());
  }
  EXPECT_GE(gs_fault_hits(GS_FAULT_THREAD), 1u);
  EXPECT_GE(reports.of(GS_REPORT_NO_THREAD), 1u) << reports.text();
  gs_fault_set(GS_FAULT_THREAD, nullptr);
  gs_call_rcu(nullptr, &later, count, nullptr);
  for (int i = 0; i < 5000 && gs_load_acquire(&ran) != 51; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(gs_load_acquire(&ran), 51u);
}

// A lingering cache nobody waits for comes home by itself once threads can start again.
TEST(LimitsThreads, I8_LingeringCachesAreServedWhenThreadsStartAgain) {
  reports_seen reports;
  gs_fault once = {1000000, 1, 1, 0};
  gs_fault_set(GS_FAULT_THREAD, &once);
  graceslab::destroy_result first, second;
  {
    graceslab::cache<long> a("first"), b("second");
    a.retire(a.make());
    first = a.destroy(graceslab::destroy_policy::linger);
    gs_fault_set(GS_FAULT_THREAD, nullptr);
    b.retire(b.make());
    second = b.destroy(graceslab::destroy_policy::linger);
  }
  for (int i = 0; i < 3000; ++i) {
    if (graceslab::why(first.cookie).find("gone") == 0 &&
        graceslab::why(second.cookie).find("gone") == 0)
      break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(graceslab::why(second.cookie).find("gone"), 0u) << graceslab::why(second.cookie);
  EXPECT_EQ(graceslab::why(first.cookie).find("gone"), 0u) << graceslab::why(first.cookie);
}

}  // namespace
