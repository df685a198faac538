// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Callbacks that end their thread instead of returning.
#include <graceslab/kernel/slab.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "observed.hpp"

namespace {

using namespace observed;

struct leaver {
  rcu_head head;
  std::atomic<int>* counter;
  static void run(rcu_head* head) {
    ++*reinterpret_cast<leaver*>(head)->counter;
    pthread_exit(nullptr);
  }
};

void expect_all_run(std::atomic<int>& n, reports& seen) {
  constexpr int around = 100;
  auto before = many(around, &n), after = many(around, &n);
  leaver first{{}, &n}, second{{}, &n};
  for (auto& c : before) call_rcu(&c.head, count_one);
  call_rcu(&first.head, leaver::run);
  call_rcu(&second.head, leaver::run);
  for (auto& c : after) call_rcu(&c.head, count_one);
  rcu_barrier();
  EXPECT_EQ(n, 2 * around + 2);
  EXPECT_EQ(seen.count(GS_REPORT_THREAD_ENDED_IN_CALLBACK), 2) << seen.everything();
  const std::string said = seen.text(GS_REPORT_THREAD_ENDED_IN_CALLBACK);
  EXPECT_NE(said.find("leaver"), std::string::npos) << said;
}

TEST(Invoke, R6_B7_a_callback_that_ends_its_thread_is_named_and_the_others_run) {
  reports seen;
  for (int round = 1; round <= 3; ++round) {
    std::atomic<int> n{0};
    expect_all_run(n, seen);
    if (testing::Test::HasFailure()) return;
    seen.forget();
  }
}

// The C library takes such a thread for one that ends, and a later setuid() passes it by.
TEST(Invoke, G1_a_helper_that_was_to_end_passes_its_work_on) {
  reports seen;
  gs_config_set("GRACESLAB_HELPER_IDLE_MS", "0");  // it does not end for want of work
  std::atomic<int> before{0};
  std::atomic<int> n{0};
  task leaves{{}, [&] {
                before = gettid();
                pthread_exit(nullptr);
              }};
  call_rcu_hurry(&leaves.head, task::run);
  ASSERT_TRUE(within(60'000, [&] { return before != 0; }));
  EXPECT_TRUE(within(60'000, [&] { return tgkill(getpid(), before, 0) != 0; }));
  counted c{{}, &n};
  call_rcu_hurry(&c.head, count_one);
  EXPECT_TRUE(within(60'000, [&] { return n == 1; }));  // though nobody waits for it
  EXPECT_EQ(seen.count(GS_REPORT_THREAD_ENDED_IN_CALLBACK), 1) << seen.everything();
  gs_config_set("GRACESLAB_HELPER_IDLE_MS", "2000");
}

// Whoever waits runs it itself, and goes on.
TEST(InvokeAgain, DISABLED_without_a_worker) {
  reports seen;
  std::atomic<int> n{0};
  bool went_on = false;
  std::thread([&] {
    expect_all_run(n, seen);
    went_on = true;
  }).join();
  ASSERT_TRUE(went_on);
}

TEST(Invoke, R6_a_callback_does_not_end_the_thread_that_waits_for_it) {
  const outcome o = run_again("InvokeAgain.DISABLED_without_a_worker", {"GRACESLAB_BACKGROUND=0"});
  EXPECT_EQ(o.status, 0) << o.errors;
}

}  // namespace
