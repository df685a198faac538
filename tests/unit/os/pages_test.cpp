// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/pages.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "os/fault.hpp"

namespace {

using namespace graceslab;

constexpr std::size_t mib = std::size_t{1} << 20;

TEST(Pages, ReserveIsAligned) {
  for (std::size_t align : {std::size_t{4096}, std::size_t{65536}, 2 * mib, 16 * mib}) {
    void* p = os::reserve(3 * mib, align);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % align, 0u);
    os::unreserve(p, 3 * mib);
  }
}

TEST(Pages, CommittedPagesAreZeroAndDiscardingZeroesAgain) {
  auto* p = static_cast<char*>(os::reserve(mib, 65536));
  ASSERT_NE(p, nullptr);
  ASSERT_TRUE(os::commit(p, 65536, 0));
  os::populate(p, 65536);
  EXPECT_EQ(p[0], 0);
  std::memset(p, 7, 65536);
  os::discard(p, 65536);
  EXPECT_EQ(p[0], 0);
  EXPECT_EQ(p[65535], 0);
  p[100] = 1;
  os::unreserve(p, mib);
}

// B9. No half of the range is discarded by the plain call.
TEST(Pages, B9_LockedPagesReadZeroOnceDiscarded) {
  auto* p = static_cast<char*>(os::reserve(mib, 65536));
  ASSERT_TRUE(os::commit(p, 65536, 0));
  std::memset(p, 7, 65536);
  if (mlock(p + 8192, 4096) != 0) GTEST_SKIP() << "no memory may be locked here";
  os::discard(p, 65536);
  for (int i = 0; i != 65536; ++i) ASSERT_EQ(p[i], 0) << i;
  os::unreserve(p, mib);
}

TEST(Pages, ImpossibleSizesAreRefusedAndErrnoStays) {
  errno = EXDEV;
  EXPECT_EQ(os::reserve(std::size_t{1} << 60, 4096), nullptr);
  EXPECT_EQ(os::reserve(SIZE_MAX - 8192, 65536), nullptr);
  EXPECT_EQ(os::map(std::size_t{1} << 60, GS_FAULT_META), nullptr);
  EXPECT_EQ(errno, EXDEV);
}

class Fault : public testing::Test {
 protected:
  void TearDown() override {
    for (int site = 0; site < GS_FAULT_SITES; ++site)
      gs_fault_set(static_cast<gs_fault_site>(site), nullptr);
  }
  static unsigned failures_of(int attempts, std::uint32_t cache = 0) {
    unsigned failed = 0;
    for (int i = 0; i < attempts; ++i) failed += os::fault_now(GS_FAULT_META, cache);
    return failed;
  }
};

TEST_F(Fault, OffByDefault) { EXPECT_EQ(failures_of(1000), 0u); }

TEST_F(Fault, TimesLimitsAndCountsHits) {
  const gs_fault fault = {1'000'000, 0, 3, 0};
  gs_fault_set(GS_FAULT_META, &fault);
  EXPECT_EQ(os::map(4096, GS_FAULT_META), nullptr);
  void* other_site = os::map(4096, GS_FAULT_ARRAY);
  EXPECT_NE(other_site, nullptr);
  os::unmap(other_site, 4096);
  EXPECT_EQ(failures_of(100), 2u);
  EXPECT_EQ(gs_fault_hits(GS_FAULT_META), 3u);
  gs_fault_set(GS_FAULT_META, nullptr);
  EXPECT_EQ(failures_of(100), 0u);
  EXPECT_EQ(gs_fault_hits(GS_FAULT_META), 3u);
}

TEST_F(Fault, IntervalTakesEveryNth) {
  const gs_fault fault = {1'000'000, 5, -1, 0};
  gs_fault_set(GS_FAULT_META, &fault);
  for (int i = 1; i <= 50; ++i) EXPECT_EQ(os::fault_now(GS_FAULT_META), i % 5 == 0) << i;
  EXPECT_EQ(gs_fault_hits(GS_FAULT_META), 10u);
}

TEST_F(Fault, ProbabilityIsAboutRightAndRepeatable) {
  const gs_fault fault = {100'000, 0, -1, 0};
  gs_fault_set(GS_FAULT_META, &fault);
  const unsigned first = failures_of(20'000);
  EXPECT_GT(first, 1700u);
  EXPECT_LT(first, 2300u);
  gs_fault_set(GS_FAULT_META, &fault);
  EXPECT_EQ(failures_of(20'000), first);
}

TEST_F(Fault, ProbabilityZeroNeverHits) {
  const gs_fault fault = {0, 0, -1, 0};
  gs_fault_set(GS_FAULT_META, &fault);
  EXPECT_EQ(failures_of(1000), 0u);
}

TEST_F(Fault, OnlyTheChosenCacheFails) {
  const gs_fault fault = {1'000'000, 0, -1, 42};
  gs_fault_set(GS_FAULT_META, &fault);
  EXPECT_EQ(failures_of(10, 41), 0u);
  EXPECT_EQ(failures_of(10), 0u);
  EXPECT_EQ(failures_of(10, 42), 10u);
}

TEST_F(Fault, PagesHonourTheirSite) {
  const gs_fault fault = {1'000'000, 0, 1, 7};
  gs_fault_set(GS_FAULT_PAGES, &fault);
  void* p = os::reserve(65536, 65536);
  ASSERT_NE(p, nullptr);
  EXPECT_TRUE(os::commit(p, 65536, 6));
  EXPECT_FALSE(os::commit(p, 65536, 7));
  EXPECT_TRUE(os::commit(p, 65536, 7));
  os::unreserve(p, 65536);
}

}  // namespace
