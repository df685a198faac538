// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/report.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>

#include "os/config.hpp"

namespace {

using namespace graceslab;

struct seen {
  int calls = 0;
  gs_report kind = GS_REPORT_KINDS;
  std::string text;
};

void take(gs_report kind, const char* text, size_t bytes, void* arg) {
  auto* s = static_cast<seen*>(arg);
  ++s->calls;
  s->kind = kind;
  s->text.assign(text, bytes);
}

class Report : public testing::Test {
 protected:
  void TearDown() override { gs_report_set_handler(nullptr, nullptr); }
};

// Another file than at the start: the library is told that this one is right.
void capture_standard_error() {
  testing::internal::CaptureStderr();
  gs_report_set_handler(nullptr, nullptr);
}
std::string captured_standard_error() {
  std::string text = testing::internal::GetCapturedStderr();
  gs_report_set_handler(nullptr, nullptr);
  return text;
}

TEST_F(Report, HandlerGetsTextAndArgument) {
  seen s;
  gs_report_set_handler(take, &s);
  const auto before = gs_report_count(GS_REPORT_DOUBLE_FREE);
  os::report(GS_REPORT_DOUBLE_FREE, "object %d of cache %s", 7, "foo");
  EXPECT_EQ(s.calls, 1);
  EXPECT_EQ(s.kind, GS_REPORT_DOUBLE_FREE);
  EXPECT_EQ(s.text, "graceslab: double-free: object 7 of cache foo\n");
  EXPECT_EQ(gs_report_count(GS_REPORT_DOUBLE_FREE), before + 1);
}

TEST_F(Report, DefaultIsOneLineOnStandardError) {
  capture_standard_error();
  os::report(GS_REPORT_STALL, "reader of thread %u", 5u);
  EXPECT_EQ(captured_standard_error(), "graceslab: stall: reader of thread 5\n");
}

TEST_F(Report, LongTextIsCutAndStillEndsTheLine) {
  seen s;
  gs_report_set_handler(take, &s);
  const std::string big(10000, 'x');
  os::report(GS_REPORT_LEAK, "%s", big.c_str());
  EXPECT_LE(s.text.size(), 4096u);
  EXPECT_GT(s.text.size(), 4000u);
  EXPECT_EQ(s.text.back(), '\n');
  EXPECT_EQ(s.text.find('\0'), std::string::npos);
}

TEST_F(Report, EveryKindHasItsOwnKebabName) {
  std::set<std::string> names;
  for (int kind = 0; kind < GS_REPORT_KINDS; ++kind) {
    const std::string name = gs_report_name(static_cast<gs_report>(kind));
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_STREQ(gs_report_name(GS_REPORT_BAD_CONFIG), "bad-config");
  EXPECT_STREQ(gs_report_name(GS_REPORT_ZERO_WITH_CONSTRUCTOR), "zero-with-constructor");
  EXPECT_STREQ(gs_report_name(GS_REPORT_KINDS), "unknown");
}

// Contract R6: free, retire and call_rcu keep errno, also when they report.
TEST_F(Report, KeepsErrno) {
  capture_standard_error();
  errno = EXDEV;
  os::report(GS_REPORT_STALL, "x");
  EXPECT_EQ(errno, EXDEV);
  captured_standard_error();
}

TEST_F(Report, AbortsOnlyWhenChosenAndOnlyForViolations) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ASSERT_EQ(gs_config_set("GRACESLAB_ON_VIOLATION", "abort"), 0);
  capture_standard_error();
  os::report(GS_REPORT_STALL, "a stall");
  os::report(GS_REPORT_BAD_CONFIG, "a setting");
  os::report(GS_REPORT_NO_THREAD, "a refusal");
  captured_standard_error();
  EXPECT_DEATH(
      {
        gs_config_set("GRACESLAB_ON_VIOLATION", "abort");
        os::report(GS_REPORT_DOUBLE_FREE, "the end");
      },
      "graceslab: double-free: the end");
  ASSERT_EQ(gs_config_set("GRACESLAB_ON_VIOLATION", "report"), 0);
}

}  // namespace
