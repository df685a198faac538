// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Unloading too early, in child processes with a forced interleaving. Contract I4, section 4.
#include <gtest/gtest.h>

#include "child_process.hpp"

namespace {

child_result unload(const char* variant, const char* protection) {
  const char* workers = std::string(variant) == "fifo" ? "GRACESLAB_CALLBACK_WORKERS=4"
                                                       : "GRACESLAB_CALLBACK_WORKERS=1";
  return run_child({GRACESLAB_CHILD_DIR "/unload", variant, protection}, {workers});
}

class UnloadTooEarly : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Variants, UnloadTooEarly,
                         testing::Values("nothing", "synchronize", "synchronize3", "retire_barrier",
                                         "fifo"),
                         [](const auto& which) { return std::string(which.param); });

// The crash is in code that is gone: the control that shows what the protection is for.
TEST_P(UnloadTooEarly, I4_WithoutProtectionItCrashesInTheCallback) {
  const child_result child = unload(GetParam(), "off");
  EXPECT_TRUE(child.said("unloaded")) << child.story();
  EXPECT_FALSE(child.said("survived")) << child.story();
  EXPECT_TRUE(child.crashed()) << child.story();
}

TEST_P(UnloadTooEarly, I4_WithProtectionItIsMadeSafeAndReported) {
  const child_result child = unload(GetParam(), "on");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.said(std::string(GetParam()) == "fifo" ? "survived 1" : "survived 100"))
      << child.story();
  EXPECT_TRUE(child.reported("owner-unloaded")) << child.story();
}

}  // namespace
