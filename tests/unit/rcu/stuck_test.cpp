// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A callback or a destructor that does not return is named, and a wait with a deadline leaves it.
#include <errno.h>
#include <graceslab/kernel/slab.h>

#include <graceslab/cache.hpp>

#include "observed.hpp"

namespace {

using namespace observed;

struct short_limit {
  short_limit() { gs_config_set("GRACESLAB_STALL_MS", "20"); }
  ~short_limit() { gs_config_set("GRACESLAB_STALL_MS", "21000"); }
};

// Code that blocks until it is let out, and says which thread runs it.
struct blocker {
  gate inside, leave;
  std::atomic<int> tid{0};

  void block() {
    tid = gettid();
    inside.open();
    leave.pass();
  }
  std::string thread() const { return "in thread " + std::to_string(tid) + " ("; }
};

bool named(reports& seen, const blocker& b) {
  const std::string said = seen.text(GS_REPORT_STALL);
  return said.find("graceslab: stall: callback ") != std::string::npos &&
         said.find(b.thread()) != std::string::npos;
}

TEST(Stuck, B7_R6_a_callback_that_a_barrier_waits_for_is_named_and_again_later) {
  short_limit limit;
  reports seen;
  blocker b;
  task stuck{{}, [&] { b.block(); }};
  gs_call_rcu_hurry(nullptr, &stuck.head, task::run, gs_this_module());
  aside barrier([] { rcu_barrier(); });
  b.inside.pass();  // here or there: whoever runs it, it is named
  EXPECT_TRUE(within(60'000, [&] { return named(seen, b); })) << seen.everything();
  EXPECT_TRUE(within(60'000, [&] { return seen.count(GS_REPORT_STALL) > 2; }));
  EXPECT_NE(seen.text(GS_REPORT_STALL).find("    #0 "), std::string::npos) << seen.everything();
  EXPECT_FALSE(barrier.done_within(0));
  b.leave.open();
  EXPECT_TRUE(barrier.done_within(60'000));
}

// The only worker is stuck, so whoever waits has to look.
TEST(Stuck, B7_R6_a_barrier_looks_where_the_only_worker_is_stuck) {
  short_limit limit;
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "1");
  reports seen;
  blocker b;
  task stuck{{}, [&] { b.block(); }};
  gs_call_rcu_hurry(nullptr, &stuck.head, task::run, gs_this_module());
  b.inside.pass();
  aside barrier([] { rcu_barrier(); });
  EXPECT_TRUE(within(60'000, [&] { return named(seen, b); })) << seen.everything();
  b.leave.open();
  EXPECT_TRUE(barrier.done_within(60'000));
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "4");
}

// The caller runs the callback itself and is stuck in it: a worker looks. It posts itself anew
// until the caller has it.
TEST(Stuck, B7_R6_a_callback_that_its_waiter_runs_is_named) {
  short_limit limit;
  reports seen;
  blocker b;
  std::atomic<int> waiter{0};
  task stuck{{}, [&] {
               if (gettid() == waiter)
                 b.block();
               else
                 call_rcu_hurry(&stuck.head, task::run);
             }};
  aside barriers([&] {
    waiter = gettid();
    call_rcu_hurry(&stuck.head, task::run);
    while (b.tid == 0) rcu_barrier();
  });
  b.inside.pass();
  EXPECT_TRUE(within(60'000, [&] { return named(seen, b); })) << seen.everything();
  b.leave.open();
  EXPECT_TRUE(barriers.done_within(60'000));
}

TEST(Stuck, B7_R12_a_drain_with_a_deadline_keeps_it_and_names_the_callback) {
  reports seen;
  blocker b;
  task stuck{{}, [&] { b.block(); }};
  call_rcu_hurry(&stuck.head, task::run);
  b.inside.pass();
  EXPECT_EQ(gs_domain_drain(nullptr, 0, 50, nullptr), -EBUSY);
  const std::string said = seen.text(GS_REPORT_STALL);
  EXPECT_NE(said.find("is not drained after 50 ms"), std::string::npos) << said;
  EXPECT_NE(said.find("held back by callback "), std::string::npos) << said;
  EXPECT_NE(said.find(b.thread()), std::string::npos) << said;
  b.leave.open();
  rcu_barrier();
}

TEST(Stuck, B7_R12_a_drain_with_a_deadline_names_the_reader) {
  reports seen;
  held_reader reader;
  std::atomic<int> n{0};
  counted c{{}, &n};
  call_rcu(&c.head, count_one);
  EXPECT_EQ(gs_domain_drain(nullptr, 0, 50, nullptr), -EBUSY);
  const std::string said = seen.text(GS_REPORT_STALL);
  EXPECT_NE(said.find("held back by thread " + std::to_string(reader.tid)), std::string::npos)
      << said;
  reader.leave();
  rcu_barrier();
}

blocker* in_destructor;

struct stuck_end {
  ~stuck_end() { in_destructor->block(); }
};

TEST(Stuck, B7_I2_a_destructor_that_a_barrier_of_its_cache_waits_for_is_named) {
  short_limit limit;
  reports seen;
  blocker b;
  in_destructor = &b;
  graceslab::cache<stuck_end> ends("ends");
  ends.retire(ends.make());
  aside first([&] { (void)ends.barrier(); });
  b.inside.pass();
  aside second([&] { (void)ends.barrier(); });
  EXPECT_TRUE(within(60'000, [&] { return named(seen, b); })) << seen.everything();
  b.leave.open();
  EXPECT_TRUE(first.done_within(60'000));
  EXPECT_TRUE(second.done_within(60'000));
}

TEST(Stuck, B7_R12_a_drain_with_a_deadline_leaves_a_destructor_that_blocks) {
  reports seen;
  blocker b;
  in_destructor = &b;
  graceslab::cache<stuck_end> ends("ends");
  ends.retire(ends.make());
  EXPECT_EQ(gs_domain_drain(nullptr, 0, 200, nullptr), -EBUSY);
  EXPECT_NE(b.tid, gettid());
  b.leave.open();
  EXPECT_EQ(gs_domain_drain(nullptr, 0, 60'000, nullptr), 0) << seen.everything();
}

}  // namespace
