// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A callback that blocks keeps nothing of the run that it is in the middle of: with real workers.
#include <errno.h>

#include "observed.hpp"
#include "rcu/domain.hpp"

namespace {

using namespace observed;
namespace rcu = graceslab::rcu;

// A thread that a fork leaves behind has its record on a stack that may be used anew.
bool anybody_has_a_run() {
  for (gs_domain* d = rcu::first_domain(); d; d = rcu::next_domain(d))
    for (const rcu::shard& s : d->shards)
      if (s.granted) return true;
  return false;
}

constexpr int length = 24, at = 4;  // of a run that one callback blocks in
constexpr int patience_ms = 50'000;

// One array of callbacks of a domain, ready at the same time.
struct blocked_run {
  explicit blocked_run(gs_owner* last_ones = nullptr) : all(length) {
    held_reader reader(u.d);
    for (int i = 0; i < length; ++i) {
      task& t = all[static_cast<std::size_t>(i)];
      t.what = [this, i] {
        if (i != at) return void(++n);
        inside.open();
        leave.pass();
      };
      gs_call_rcu(u.d, &t.head, task::run, i > at ? last_ones : nullptr);
    }
  }
  ~blocked_run() {
    leave.open();
    gs_rcu_barrier(u.d);
    EXPECT_EQ(n, length - 1);
  }
  bool rest_has_run() {
    return within(patience_ms, [&] { return n == length - 1; });
  }
  domain u{"run"};
  std::atomic<int> n{0};
  gate inside, leave;
  std::vector<task> all;
};

// For the length of a test.
struct workers {
  explicit workers(const char* count) { gs_config_set("GRACESLAB_CALLBACK_WORKERS", count); }
  ~workers() { gs_config_set("GRACESLAB_CALLBACK_WORKERS", "4"); }
};

TEST(Runs, R7_another_worker_runs_what_is_behind_a_callback_that_blocks) {
  blocked_run run;
  run.inside.pass();
  EXPECT_TRUE(run.rest_has_run());
}

TEST(Runs, A1_a_barrier_runs_what_is_behind_a_callback_that_blocks) {
  workers one("1");
  blocked_run run;
  run.inside.pass();
  aside barrier([&] { gs_rcu_barrier(run.u.d); });
  EXPECT_TRUE(run.rest_has_run());
  EXPECT_FALSE(barrier.done_within(10));
  run.leave.open();
  EXPECT_TRUE(barrier.done_within(patience_ms));
}

TEST(Runs, I4_an_owner_is_settled_past_a_callback_that_blocks) {
  workers one("1");
  gs_owner* mine = gs_owner_create("behind");
  {
    blocked_run run(mine);
    run.inside.pass();
    aside settle([&] { EXPECT_EQ(gs_owner_settle(mine), 0u); });
    EXPECT_TRUE(settle.done_within(patience_ms));
    EXPECT_EQ(run.n, length - 1);
  }
  gs_owner_destroy(mine);
}

TEST(Runs, R14_statistics_count_what_has_returned) {
  workers one("1");
  blocked_run run;
  run.inside.pass();
  EXPECT_EQ(stats_of(run.u.d).callbacks_invoked, static_cast<unsigned>(at));
}

TEST(Runs, B7_a_late_drain_counts_what_has_returned) {
  workers one("1");
  reports seen;
  blocked_run run;
  run.inside.pass();
  EXPECT_EQ(gs_domain_drain(run.u.d, 0, 50, nullptr), -EBUSY);
  const std::string said = seen.text(GS_REPORT_STALL);
  const std::string left = std::to_string(length - at) + " callbacks are pending";
  EXPECT_NE(said.find(left), std::string::npos) << said;
}

TEST(Runs, R5_a_barrier_inside_a_callback_runs_what_is_behind_it) {
  workers one("1");
  reports seen;
  domain u("inside");
  std::atomic<int> n{0}, at_return{-1};
  std::vector<task> all(length);
  {
    held_reader reader(u.d);
    for (int i = 0; i < length; ++i) {
      task& t = all[static_cast<std::size_t>(i)];
      t.what = [&, i] {
        if (i != at) return void(++n);
        gs_rcu_barrier(u.d);
        at_return = n.load();
      };
      gs_call_rcu(u.d, &t.head, task::run, nullptr);
    }
  }
  EXPECT_TRUE(within(patience_ms, [&] { return at_return >= 0; }));
  EXPECT_EQ(at_return, length - 1);
  gs_rcu_barrier(u.d);
}

// In the child the thread that is inside is gone, and what it had not begun is queued.
TEST(Runs, I8_a_fork_loses_nothing_of_a_run) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer refuses threads after a fork";
#endif
  workers one("1");
  blocked_run run;
  run.inside.pass();
  const pid_t child = fork();
  if (child == 0) {
    if (anybody_has_a_run()) _exit(100);
    gs_rcu_barrier(run.u.d);
    _exit(run.n == length - 1 ? 0 : run.n.load() + 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(run.n, at);
}

TEST(Runs, I8_a_callback_in_a_run_may_fork) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer refuses threads after a fork";
#endif
  workers one("1");  // no other is between a callback's beginning and its count
  domain u("forks");
  std::atomic<int> n{0}, status{-1};
  std::vector<task> all(length);
  {
    held_reader reader(u.d);
    for (int i = 0; i < length; ++i) {
      task& t = all[static_cast<std::size_t>(i)];
      t.what = [&, i] {
        if (i != at) return void(++n);
        const pid_t child = fork();
        if (child == 0) {
          gs_rcu_barrier(u.d);  // all but this one
          _exit(n == length - 1 ? 0 : 1);
        }
        int s = -1;
        waitpid(child, &s, 0);
        status = s;
      };
      gs_call_rcu(u.d, &t.head, task::run, nullptr);
    }
  }
  EXPECT_TRUE(within(60'000, [&] { return status >= 0; }));
  gs_rcu_barrier(u.d);
  EXPECT_EQ(n, length - 1);
  EXPECT_EQ(status, 0);
}

}  // namespace
