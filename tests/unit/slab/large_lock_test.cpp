// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B6: no lock is held while a large run comes from the system or goes back to it.
#include <graceslab/kernel/slab.h>

#include "held_up.hpp"

namespace {

constexpr std::size_t run_bytes = std::size_t{3} << 20;

bool use_runs() {
  void* run = kmalloc(run_bytes, GFP_KERNEL);
  const bool found = run != nullptr && ksize(run) >= run_bytes;
  kfree(run);
  return found;
}

TEST(LargeLock, B6_no_large_run_waits_for_another_ones_system_call) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer gives its own memory back, under locks of its own";
#endif
  ASSERT_TRUE(use_runs());
  void* run = kmalloc(run_bytes, GFP_KERNEL);
  ASSERT_NE(run, nullptr);
  if (!held_up::beside_held_up(
          SYS_madvise, [&] { kfree(run); }, [] { EXPECT_TRUE(use_runs()); })) {
    kfree(run);
    GTEST_SKIP() << "system calls cannot be held up here";
  }
}

}  // namespace
