// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A sandbox that is installed after the start takes membarrier away, and then mprotect too.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "../refusing.hpp"
#include "os/clock.hpp"
#include "os/fence.hpp"
#include "sync/doorbell.hpp"

namespace {

using namespace graceslab;

bool refuse(unsigned system_call) { return refusing::refuse({{system_call, EPERM}}); }

void quiet(gs_report, const char*, size_t, void*) {}

// Exit codes: 0 as it should be, 77 no sandbox here, else the step that went wrong.
int down_the_ladder() {
  if (os::fence_mode() != GS_FENCE_MEMBARRIER) return 77;
  gs_report_set_handler(quiet, nullptr);
  if (!refuse(SYS_membarrier)) return 77;
  errno = EXDEV;
  const bool fenced = os::heavy_fence();
  if (errno != EXDEV) return 1;
  if (fenced && os::fence_mode() != GS_FENCE_MPROTECT) return 2;
  if (!refuse(SYS_mprotect)) return 77;
  if (os::heavy_fence() || os::heavy_fence()) return 3;
  if (os::fence_mode() != GS_FENCE_NONE || os::readers_fence()) return 4;
  if (gs_report_count(GS_REPORT_NO_FENCE) != 0) return 8;  // there may be locks held
  os::report_lost_fence();
  os::report_lost_fence();
  if (gs_report_count(GS_REPORT_NO_FENCE) != 1) return 5;
  // Without a fence a sleeper polls: it returns to look, and does not call that a time-out.
  sync::doorbell bell;
  const auto start = os::now_ns();
  if (!bell.sleep([](void*) { return false; }, nullptr, 60'000)) return 6;
  return os::now_ns() - start < 10'000'000'000u ? 0 : 7;
}

// ---- the report that says so comes with no lock held ----

kmem_cache* reported_about;

// Does what needs every lock of the cache, and that nobody has objects of it in hand.
void use_the_library(gs_report kind, const char*, size_t, void*) {
  if (kind != GS_REPORT_NO_FENCE) return;
  kmem_cache* cache = reported_about;
  if (cache == nullptr) return;
  reported_about = nullptr;
  gs_cache_stats stats = {};
  gs_cache_read_stats(cache, &stats);
  (void)kmem_cache_shrink(cache);
  (void)kmem_cache_destroy_rcu(cache);
  static rcu_head head;
  call_rcu(&head, [](rcu_head*) {});
  _exit(0);  // a wait would go on for ever
}

struct loss {
  const char* by;
  void (*lose)(kmem_cache* cache);
  friend void PrintTo(const loss& l, std::ostream* out) { *out << l.by; }
};
const loss losses[] = {
    {"shrink", [](kmem_cache* cache) { (void)kmem_cache_shrink(cache); }},
    {"stats",
     [](kmem_cache* cache) {
       gs_cache_stats stats = {};
       gs_cache_read_stats(cache, &stats);
     }},
    {"poll", [](kmem_cache*) { (void)gs_gp_poll(nullptr, gs_gp_start_poll(nullptr)); }},
    {"barrier", [](kmem_cache* cache) { (void)kmem_cache_free_barrier(cache); }},
    {"destroy", [](kmem_cache* cache) { kmem_cache_destroy(cache); }},
};

int report_without_locks(void (*lose)(kmem_cache*)) {
  if (os::fence_mode() != GS_FENCE_MEMBARRIER) return 77;
  alarm(20);
  gs_fault no_threads = {};  // ThreadSanitizer ends a forked child that starts one
  no_threads.probability_per_million = 1'000'000;
  no_threads.times = -1;
  gs_fault_set(GS_FAULT_THREAD, &no_threads);
  gs_report_set_handler(quiet, nullptr);
  kmem_cache* cache = kmem_cache_create("fenceless", 64, 0, 0, nullptr);
  kmem_cache_free(cache, kmem_cache_alloc(cache, 0));
  gs_retire(kmem_cache_alloc(cache, 0));
  reported_about = cache;
  gs_report_set_handler(use_the_library, nullptr);
  if (!refuse(SYS_membarrier) || !refuse(SYS_mprotect)) return 77;
  lose(cache);
  return 1;
}

class FenceLost : public testing::TestWithParam<loss> {};

TEST_P(FenceLost, R5_is_reported_with_no_lock_held) {
  const pid_t child = fork();
  if (child == 0) _exit(report_without_locks(GetParam().lose));
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

INSTANTIATE_TEST_SUITE_P(By, FenceLost, testing::ValuesIn(losses),
                         [](const auto& l) { return std::string(l.param.by); });

TEST(Fence, LadderGoesDownWhenTheSystemRefuses) {
  const pid_t child = fork();
  if (child == 0) _exit(down_the_ladder());
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
