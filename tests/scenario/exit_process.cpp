// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The end of the process with work in flight. Contract I8, section 7 (process exit).
#include <gtest/gtest.h>

#include "child_process.hpp"

namespace {

child_result end_as(const char* role, const std::vector<std::string>& settings = {}) {
  return run_child({GRACESLAB_CHILD_DIR "/exit", role}, settings);
}

class Exit : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Quiet, Exit,
                         testing::Values("quiet", "callbacks", "retires", "atexit", "quick"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Exit, I8_DrainsSilentlyByDefault) {
  const child_result child = end_as(GetParam());
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

TEST_P(Exit, I8_StrictDrainsSilentlyToo) {
  const child_result child = end_as(GetParam(), {"GRACESLAB_EXIT=strict"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

TEST_P(Exit, I8_LeaveEndsAtOnceAndSaysNothing) {
  const child_result child = end_as(GetParam(), {"GRACESLAB_EXIT=leave"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

TEST(ExitHeld, I8_StopsAtItsDeadlineAndReportsWhatIsLeft) {
  const child_result child = end_as("held", {"GRACESLAB_EXIT_MS=200"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("exit-undrained")) << child.story();
  EXPECT_NE(child.err.find("3 callbacks and 5 retired"), std::string::npos) << child.story();
  EXPECT_NE(child.err.find("held back by"), std::string::npos) << child.story();
  EXPECT_GE(child.took_ms, 200) << child.story();
}

TEST(ExitHeld, I8_TheDefaultDeadlineIsASecond) {
  const child_result child = end_as("held");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("exit-undrained")) << child.story();
  EXPECT_GE(child.took_ms, 1000) << child.story();  // and it ended, though the reader never leaves
}

TEST(ExitHeld, I8_LeaveDoesNotWait) {
  const child_result child = end_as("held", {"GRACESLAB_EXIT=leave", "GRACESLAB_EXIT_MS=15000"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

// Strict means: rather for ever than undrained. The reader never leaves, so it is killed here,
// after a time in which the machine lets it come to its report.
TEST(ExitHeld, I8_StrictWaitsWithoutADeadline) {
  child_result child;
  for (int ms = 1500; ms < 30'000 && !child.reported("stall"); ms *= 4) {
    child =
        run_child({GRACESLAB_CHILD_DIR "/exit", "held"},
                  {"GRACESLAB_EXIT=strict", "GRACESLAB_EXIT_MS=1", "GRACESLAB_STALL_MS=100"}, ms);
    ASSERT_TRUE(child.timed_out) << child.story();
  }
  EXPECT_TRUE(child.reported("stall")) << child.story();
}

// The destructor of a static cache<T> waits, but not beyond the deadline of the process's end.
TEST(ExitHeld, I8_AStaticCacheDoesNotKeepTheProcess) {
  const child_result child = end_as("held_cache", {"GRACESLAB_EXIT_MS=200"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("exit-undrained")) << child.story();
}

TEST(ExitInside, I8_ACallbackMayExit) {
  for (const char* policy :
       {"GRACESLAB_EXIT=drain", "GRACESLAB_EXIT=strict", "GRACESLAB_EXIT=leave"}) {
    const child_result child = end_as("in_callback", {policy});
    EXPECT_TRUE(child.fine()) << policy << child.story();
  }
}

TEST(ExitInside, I8_ASectionMayExit) {
  for (const char* policy :
       {"GRACESLAB_EXIT=drain", "GRACESLAB_EXIT=strict", "GRACESLAB_EXIT=leave"}) {
    const child_result child = end_as("in_reader", {policy});
    EXPECT_TRUE(child.fine()) << policy << child.story();
  }
}

TEST(ExitInside, I8_ACallbackThatRearmsForEverDoesNotKeepTheProcess) {
  const child_result child = end_as("rearm");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("exit-undrained")) << child.story();
}

}  // namespace
