// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A C library that has no room for a hook: said, and the work goes on.
#include <gtest/gtest.h>

#include "child_process.hpp"

namespace {

struct refusal {
  const char* what;
  const char* says;
};
class RefusedHooks : public testing::TestWithParam<refusal> {};
INSTANTIATE_TEST_SUITE_P(Each, RefusedHooks,
                         testing::Values(refusal{"none", ""},
                                         refusal{"key", "tells of the end of a thread"},
                                         refusal{"value", "tells of the end of a thread"},
                                         refusal{"fork", "tells of a fork"},
                                         refusal{"exit", "tells of the end of the process"}),
                         [](const auto& which) { return std::string(which.param.what); });

TEST_P(RefusedHooks, R4_I8_AreReportedAndTheWorkGoesOn) {
  if (with_asan || with_tsan) GTEST_SKIP() << "the sanitizers stand in front of the same functions";
  const auto [what, says] = GetParam();
  const child_result child = run_child({GRACESLAB_CHILD_DIR "/refused_hooks"},
                                       {std::string("REFUSE=") + what, "GRACESLAB_EXIT_MS=20000"});
  EXPECT_TRUE(child.fine()) << child.story();
  for (const char* line : {"all home", "slots are used again", "the module is gone", "main ends"})
    EXPECT_TRUE(child.said(line)) << line << child.story();
  const bool refused = *says != 0;
  EXPECT_EQ(child.reported("no-memory"), refused) << child.story();
  EXPECT_NE(child.err.find(says), std::string::npos) << child.story();
}

}  // namespace
