// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects of static lifetime, before main and after it, in several units and modules. I8, R6.
#include <gtest/gtest.h>

#include "child_process.hpp"

namespace {

std::size_t times(const child_result& child, const std::string& line) {
  std::size_t n = 0;
  for (std::size_t at = child.out.find(line); at != std::string::npos;
       at = child.out.find(line, at + 1))
    ++n;
  return n;
}

class StaticOrder : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Policies, StaticOrder, testing::Values("drain", "strict", "leave"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(StaticOrder, I8_R6_EverythingWorksBeforeMainAndAfterIt) {
  const child_result child = run_child({GRACESLAB_CHILD_DIR "/static_order"},
                                       {std::string("GRACESLAB_EXIT=") + GetParam()});
  EXPECT_TRUE(child.fine()) << child.story();
  for (const char* who : {"first unit\n", "second unit\n", "function\n"})
    EXPECT_EQ(times(child, who), 2u) << who << child.story();
  EXPECT_EQ(times(child, "constructor(101)\n"), 1u) << child.story();
  EXPECT_EQ(times(child, "destructor(101)\n"), 1u) << child.story();
  EXPECT_TRUE(child.said("main ends")) << child.story();
}

// C6: a handle that outlived its cache never touches another one.
TEST(StaticOrderStale, C6_AStaleHandleInAStaticDestructorIsRefused) {
  const child_result child = run_child({GRACESLAB_CHILD_DIR "/static_order"});
  EXPECT_TRUE(child.said("stale handle refused")) << child.story();
  EXPECT_TRUE(child.reported("stale-handle")) << child.story();
}

// An object that ends after the cache still finds it.
TEST(StaticOrderStale, I8_AStaticCacheServesOnAtExit) {
  const child_result child = run_child({GRACESLAB_CHILD_DIR "/static_order"});
  EXPECT_TRUE(child.said("static cache serves on")) << child.story();
}

}  // namespace
