// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The end of a process whose detached threads go on.
#include <gtest/gtest.h>

#include "child_process.hpp"

namespace {

class ExitDetached : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Policies, ExitDetached, testing::Values("drain", "leave"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(ExitDetached, I8_AStaticCacheServesThreadsUntilTheProcessIsGone) {
  const child_result child =
      run_child({GRACESLAB_CHILD_DIR "/detached"}, {std::string("GRACESLAB_EXIT=") + GetParam()});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FALSE(child.reported("stale-handle")) << child.story();
  EXPECT_FALSE(child.reported("destroy-with-objects")) << child.story();
}

}  // namespace
