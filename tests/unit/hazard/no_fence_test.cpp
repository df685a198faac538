// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Claim 3: a fence that is refused late proves nothing. Everything is kept, whoever retires is not
// held up, whoever waits goes on and says so, or leaves at its deadline. Contract R1, I5, I8.
#include <graceslab/kernel/slab.h>

#include "../refusing.hpp"
#include "hazards.hpp"
#include "os/fence.hpp"

using namespace hazards;
using refusing::no_sandbox;

namespace {

void take_fences_away() {
  if (graceslab::os::readers_fence()) _exit(no_sandbox);
  (void)graceslab::os::heavy_fence();
  if (!refusing::refuse({{SYS_membarrier, EPERM}, {SYS_mprotect, EPERM}})) _exit(no_sandbox);
}

std::atomic<long> ended{0};

}  // namespace

TEST(HazardNoFenceAgain, DISABLED_goes_on) {
  static reports seen;
  static gate go;
  static std::atomic<bool> returned{false};
  static std::thread waiter([] {
    go.pass();
    graceslab::hazard_pointer_barrier();
    returned = true;
  });
  take_fences_away();
  for (int i = 0; i != 1000; ++i) (new node(&ended))->retire();
  go.open();
  if (!within(50'000, [] { return seen.count(GS_REPORT_WAIT_UNPROVED) >= 2; })) _exit(1);
  _exit(ended != 0 || returned ? 2 : 0);
}

TEST(HazardNoFence, R1_a_barrier_goes_on_and_says_so) {
  const outcome o = run_again("HazardNoFenceAgain.DISABLED_goes_on", {"GRACESLAB_STALL_MS=20"});
  if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(o.status, 0) << o.errors;
}

TEST(HazardNoFenceAgain, DISABLED_exit) {
  take_fences_away();
  (new node(&ended))->retire();
  exit(0);
}

TEST(HazardNoFence, I8_exit_leaves_and_tells) {
  // LeakSanitizer's own look at the end of the process needs the mprotect that is gone.
  const outcome o = run_again("HazardNoFenceAgain.DISABLED_exit",
                              {"GRACESLAB_EXIT_MS=100", "ASAN_OPTIONS=detect_leaks=0"});
  if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(o.status, 0) << o.errors;
  EXPECT_NE(o.errors.find("1 object retired under hazard pointers: no fence works"),
            std::string::npos)
      << o.errors;
}

TEST(HazardNoFenceAgain, DISABLED_destroy) {
  static reports seen;
  kmem_cache* s = kmem_cache_create("fenceless", 64, 0, 0, nullptr);
  auto* head = static_cast<gs_hazard_head*>(kmem_cache_alloc(s, GFP_KERNEL));
  take_fences_away();
  gs_hazard_retire(
      head, [](rcu_head*) { _exit(3); }, nullptr);
  if (kmem_cache_destroy_wait(s) != -EBUSY) _exit(1);
  _exit(seen.total() != 0 ? 0 : 2);
}

TEST(HazardNoFence, I5_a_destroy_does_not_wait_for_a_fence_that_never_comes) {
  const outcome o = run_again("HazardNoFenceAgain.DISABLED_destroy", {});
  if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(o.status, 0) << o.errors;
}
