// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// R6: callbacks without memory and without a background thread.
#include "observed.hpp"

using namespace observed;

TEST(Callback, R6_without_memory_heads_are_linked) {
  reports seen;
  fault no_arrays(GS_FAULT_ARRAY);
  std::atomic<int> n{0};
  auto all = many(3000, &n);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (int i = t; i < 3000; i += 3) call_rcu(&all[static_cast<size_t>(i)].head, count_one);
    });
  for (auto& t : threads) t.join();
  rcu_barrier();
  EXPECT_EQ(n.load(), 3000);
  EXPECT_GT(gs_fault_hits(GS_FAULT_ARRAY), 0u);
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
}

TEST(Callback, R5_linked_head_queued_twice_is_dropped) {
  reports seen;
  fault no_arrays(GS_FAULT_ARRAY);
  held_reader reader;
  std::atomic<int> n{0};
  auto all = many(10, &n);
  for (auto& c : all) call_rcu(&c.head, count_one);
  for (auto& c : all) call_rcu(&c.head, count_one);
  EXPECT_EQ(seen.count(GS_REPORT_DOUBLE_CALLBACK), 10);
  reader.leave();
  rcu_barrier();
  EXPECT_EQ(n.load(), 10);
}

// Memory that comes and goes while nothing completes uses up the descriptors for linked batches.
TEST(Callback, R6_more_linked_batches_than_descriptors) {
  reports seen;
  domain u("flapping");
  held_reader reader(u.d);
  std::atomic<int> n{0};
  auto all = many(60, &n);
  for (std::size_t i = 0; i < all.size(); ++i) {
    fault no_arrays(GS_FAULT_ARRAY);
    gs_call_rcu_hurry(u.d, &all[i].head, count_one, nullptr);  // seals each one
  }
  aside barrier([&] { gs_rcu_barrier(u.d); });
  EXPECT_FALSE(barrier.done_within(50));
  EXPECT_EQ(n.load(), 0);
  reader.leave();
  EXPECT_TRUE(barrier.done_within(5000));
  EXPECT_EQ(n.load(), 60);
}

TEST(Callback, R6_arrays_that_fail_now_and_then) {
  gs_fault f = {};
  f.probability_per_million = 500'000;
  f.times = -1;
  gs_fault_set(GS_FAULT_ARRAY, &f);
  std::atomic<int> n{0};
  auto all = many(20'000, &n);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = t; i < 20'000; i += 4) {
        call_rcu(&all[static_cast<size_t>(i)].head, count_one);
        if (i % 1000 == t) rcu_barrier();
      }
    });
  for (auto& t : threads) t.join();
  rcu_barrier();
  EXPECT_EQ(n.load(), 20'000);
  gs_fault_set(GS_FAULT_ARRAY, nullptr);
}

TEST(CallbackAgain, DISABLED_no_thread) {
  reports seen;
  std::atomic<int> n{0};
  auto all = many(1000, &n);
  {
    fault no_thread(GS_FAULT_THREAD);
    for (auto& c : all) call_rcu(&c.head, count_one);
    ASSERT_EQ(seen.count(GS_REPORT_NO_THREAD), 1) << seen.everything();
    pause_ms(50);
    ASSERT_EQ(n.load(), 0);
    rcu_barrier();  // callers drive
    ASSERT_EQ(n.load(), 1000);
    for (auto& c : all) call_rcu(&c.head, count_one);
    rcu_barrier();
    ASSERT_EQ(n.load(), 2000);
  }
  call_rcu(&all[0].head, count_one);  // starting is tried again
  ASSERT_TRUE(within(5000, [&] { return n == 2001; }));
}

TEST(Callback, R6_no_thread_callers_drive) {
  const outcome o = run_again("CallbackAgain.DISABLED_no_thread", {"GRACESLAB_TEST_NO_POST=1"});
  EXPECT_EQ(o.status, 0) << o.errors;
}

// In a process in which no worker exists yet.
TEST(CallbackAgain, DISABLED_synchronize_without_a_worker) {
  reports seen;
  std::atomic<int> n{0};
  auto all = many(100, &n);
  {
    fault no_thread(GS_FAULT_THREAD);
    for (auto& c : all) call_rcu_hurry(&c.head, count_one);
    synchronize_rcu();
    synchronize_rcu_expedited();
    ASSERT_EQ(n.load(), 0);
  }
  synchronize_rcu();  // tries again to start a worker
  ASSERT_TRUE(within(60'000, [&] { return n == 100; }));
}

// A wait that does not wait for callbacks runs none: its caller may hold what a callback takes.
TEST(Callback, R12_R6_without_a_worker_synchronize_runs_no_callback) {
  const outcome o = run_again("CallbackAgain.DISABLED_synchronize_without_a_worker",
                              {"GRACESLAB_TEST_NO_POST=1"});
  EXPECT_EQ(o.status, 0) << o.errors;
}

// The drain does not enter the callback itself, so it can keep its deadline.
TEST(Callback, I3_B7_a_drain_with_a_deadline_returns_though_a_callback_is_stuck) {
  domain u("stuck");
  static std::atomic<bool> inside, release;
  inside = release = false;
  rcu_head head = {};
  gs_call_rcu(
      u.d, &head,
      [](rcu_head*) {
        inside = true;
        while (!release) pause_ms(1);
      },
      nullptr);
  EXPECT_EQ(gs_domain_drain(u.d, 0, 200, nullptr), -EBUSY);
  ASSERT_TRUE(within(60'000, [] { return inside.load(); }));
  release = true;
  gs_rcu_barrier(u.d);
}
