// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// R1: a wait never returns unproved. A sandbox that comes late takes membarrier and mprotect away:
// waits go on and say so, those with a deadline leave at it with their error, retires and callbacks
// are kept.
#include <graceslab/kernel/slab.h>

#include <cerrno>
#include <csignal>

#include "../refusing.hpp"
#include "observed.hpp"
#include "os/clock.hpp"
#include "os/fence.hpp"
#include "os/thread.hpp"
#include "rcu/grace_period.hpp"

namespace {

using namespace observed;
using refusing::no_sandbox;

bool take_fences_away() {
  return refusing::refuse({{SYS_membarrier, EPERM}, {SYS_mprotect, EPERM}});
}

kmem_cache* cache;
rcu_head head;

struct kind_of_wait {
  const char* name;
  void (*wait)();
  friend void PrintTo(const kind_of_wait& k, std::ostream* out) { *out << k.name; }
};
const kind_of_wait waits[] = {
    {"synchronize", [] { synchronize_rcu(); }},
    {"expedited", [] { synchronize_rcu_expedited(); }},
    {"cond_synchronize", [] { cond_synchronize_rcu(get_state_synchronize_rcu()); }},
    {"inside",
     [] {
       rcu_read_lock();
       synchronize_rcu();
       rcu_read_unlock();
     }},
    {"barrier", [] { rcu_barrier(); }},
    {"retire_barrier", [] { kfree_rcu_barrier(); }},
    {"cache_barrier", [] { (void)kmem_cache_free_barrier(cache); }},
    {"mightsleep",
     [] {
       void* object = kmem_cache_alloc(cache, GFP_KERNEL);
       fault no_memory(GS_FAULT_META);
       fault no_arrays(GS_FAULT_ARRAY);
       kfree_rcu_mightsleep(object);
     }},
    {"drain", [] { (void)gs_domain_drain(nullptr, 0, 0, nullptr); }},
};

const kind_of_wait& asked_for() {
  const char* name = getenv("TEST_WAIT");
  for (const kind_of_wait& k : waits)
    if (name && std::string(name) == k.name) return k;
  return waits[0];
}

// A thread that is there before the sandbox: later none can be made.
struct ready_thread {
  explicit ready_thread(std::function<void()> what)
      : run([this, what = std::move(what)] {
          go.pass();
          what();
          returned = true;
        }) {}
  gate go;
  std::atomic<bool> returned{false};
  std::thread run;
};

// Ends with 0 when the wait went on, and said so early, at the limit and again.
TEST(NoFenceAgain, DISABLED_goes_on) {
  if (graceslab::os::readers_fence()) _exit(no_sandbox);
  static reports seen;
  static ready_thread waiter(asked_for().wait);
  cache = kmem_cache_create("fenceless", 64, 0, 0, nullptr);
  gs_retire(kmem_cache_alloc(cache, GFP_KERNEL));
  graceslab::os::heavy_fence() ? void() : _exit(3);
  if (!take_fences_away()) _exit(no_sandbox);
  call_rcu(&head, [](rcu_head*) { _exit(4); });
  waiter.go.open();
  const bool said = within(50'000, [] { return seen.count(GS_REPORT_WAIT_UNPROVED) >= 3; });
  if (!said || waiter.returned) _exit(waiter.returned ? 1 : 2);
  _exit(0);
}

class NoFence : public testing::TestWithParam<kind_of_wait> {};

TEST_P(NoFence, R1_a_wait_goes_on_and_says_so) {
  const outcome o = run_again("NoFenceAgain.DISABLED_goes_on",
                              {std::string("TEST_WAIT=") + GetParam().name, "GRACESLAB_STALL_MS=20",
                               "GRACESLAB_BACKGROUND=0"});
  if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(o.status, 0) << o.errors;
}

INSTANTIATE_TEST_SUITE_P(Wait, NoFence, testing::ValuesIn(waits),
                         [](const auto& k) { return std::string(k.param.name); });

TEST(NoFenceAgain, DISABLED_deadline) {
  if (graceslab::os::readers_fence() || !take_fences_away()) _exit(no_sandbox);
  call_rcu(&head, [](rcu_head*) { _exit(4); });
  const auto began_ns = graceslab::os::now_ns();
  if (gs_domain_drain(nullptr, 0, 200, nullptr) != -EBUSY) _exit(1);
  if (graceslab::os::now_ns() - began_ns < 200'000'000) _exit(2);
  exit(0);  // and the drain at exit leaves at its deadline, too
}

TEST(NoFence, R1_I8_a_deadline_is_kept_and_told) {
  // LeakSanitizer's own look at the end of the process needs the mprotect that is gone.
  const outcome o = run_again("NoFenceAgain.DISABLED_deadline",
                              {"GRACESLAB_EXIT_MS=100", "ASAN_OPTIONS=detect_leaks=0"});
  if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(o.status, 0) << o.errors;
  EXPECT_NE(o.errors.find("exit-undrained"), std::string::npos) << o.errors;
}

TEST(NoFenceAgain, DISABLED_domain) {
  static reports seen;
  static domain u("fenceless");
  if (graceslab::os::readers_fence() || !take_fences_away()) _exit(no_sandbox);
  if (gs_domain_destroy(u.d) != -EBUSY) _exit(1);
  _exit(seen.text(GS_REPORT_DOMAIN_BUSY).find("no fence") == std::string::npos ? 2 : 0);
}

TEST(NoFence, R11_a_domain_whose_readers_cannot_be_seen_does_not_end) {
  const outcome o = run_again("NoFenceAgain.DISABLED_domain", {});
  if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(o.status, 0) << o.errors;
}

TEST(NoFenceAgain, DISABLED_abort) {
  if (graceslab::os::readers_fence() || !take_fences_away()) _exit(no_sandbox);
  synchronize_rcu();
  _exit(0);
}

TEST(NoFence, R1_who_chose_abort_is_ended_with_a_report) {
  const outcome o = run_again("NoFenceAgain.DISABLED_abort", {"GRACESLAB_ON_VIOLATION=abort"});
  if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp here, or another mode was forced";
  EXPECT_EQ(o.status, 128 + SIGABRT) << o.errors;
  EXPECT_NE(o.errors.find("wait-unproved"), std::string::npos) << o.errors;
}

// A refusal is no answer to the question whether a thread lives: its section is not ended.
TEST(DeadThreadAgain, DISABLED_refused) {
  static reports seen;
  static held_reader reader;
  for (const int error : {ENOSYS, EPERM, EINVAL, EAGAIN, ENOMEM, EACCES}) {
    if (!refusing::refuse({{SYS_tgkill, error}})) _exit(no_sandbox);
    if (!graceslab::os::thread_alive(static_cast<std::uint32_t>(reader.tid))) _exit(error);
  }
  static aside wait([] { synchronize_rcu(); });
  if (!within(50'000, [] { return seen.count(GS_REPORT_STALL) >= 2; })) _exit(1);
  _exit(wait.done_within(0) || seen.count(GS_REPORT_THREAD_ENDED_IN_READER) != 0 ? 2 : 0);
}

TEST(NoFence, R4_only_a_thread_that_the_system_does_not_know_is_dead) {
  const outcome o = run_again("DeadThreadAgain.DISABLED_refused", {"GRACESLAB_STALL_MS=20"});
  if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(o.status, 0) << o.errors;
}

}  // namespace
