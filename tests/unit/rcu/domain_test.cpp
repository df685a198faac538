// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// R11, I3, and the hooks that A2 uses.
#include "observed.hpp"
#include "rcu/rcu.hpp"

using namespace observed;

namespace {

struct rearming {
  rcu_head head;
  gs_domain* d;
  static std::atomic<bool> stop;
  static void again(rcu_head* head) {
    auto* self = reinterpret_cast<rearming*>(head);
    if (!stop) gs_call_rcu(self->d, head, again, nullptr);
  }
};
std::atomic<bool> rearming::stop;

}  // namespace

TEST(Domain, R11_destroy_with_a_reader_is_reported_and_leaks) {
  reports seen;
  domain u("busy one");
  {
    held_reader reader(u.d);
    EXPECT_EQ(gs_domain_destroy(u.d), -EBUSY);
    EXPECT_EQ(seen.count(GS_REPORT_DOMAIN_BUSY), 1);
    EXPECT_NE(seen.text(GS_REPORT_DOMAIN_BUSY).find(" 1 reader"), std::string::npos);
  }
  EXPECT_EQ(gs_domain_destroy(u.d), 0);
  EXPECT_EQ(gs_domain_destroy(u.d), -ENOENT);
  EXPECT_EQ(seen.count(GS_REPORT_STALE_HANDLE), 1);
  u.d = nullptr;
}

TEST(Domain, R11_destroy_with_callbacks_is_reported_and_leaks) {
  reports seen;
  domain u("queued");
  std::atomic<int> n{0};
  task t{{}, [&] { ++n; }};
  {
    held_reader reader(u.d);
    gs_call_rcu(u.d, &t.head, task::run, nullptr);
    aside destroy([&] { EXPECT_EQ(gs_domain_destroy(u.d), -EBUSY); });
    EXPECT_TRUE(destroy.done_within(5000));
  }
  gs_rcu_barrier(u.d);
  EXPECT_EQ(n.load(), 1);
}

TEST(Domain, R11_the_default_domain_is_never_destroyed) {
  reports seen;
  EXPECT_EQ(gs_domain_destroy(nullptr), -EBUSY);
  synchronize_rcu();
}

TEST(Domain, R11_records_are_not_reused_at_once) {
  gs_domain_options o = {};
  o.name = "short";
  std::vector<gs_domain*> seen;
  for (int i = 0; i < 100; ++i) {
    gs_domain* d = gs_domain_create(&o);
    ASSERT_NE(d, nullptr);
    const std::size_t last = seen.size() < 15 ? seen.size() : 15;
    for (std::size_t k = 0; k < last; ++k) EXPECT_NE(seen[seen.size() - 1 - k], d);
    seen.push_back(d);
    gs_domain_read_lock(d);
    gs_domain_read_unlock(d);
    gs_synchronize(d);
    EXPECT_EQ(gs_domain_destroy(d), 0);
  }
}

TEST(Domain, R11_creating_without_memory_returns_null) {
  fault no_memory(GS_FAULT_META);
  gs_domain_options o = {};
  gs_domain* d = gs_domain_create(&o);
  if (d) gs_domain_destroy(d);  // one that was destroyed before
}

TEST(Domain, I3_drain_until_quiet) {
  domain u("drained");
  std::atomic<int> n{0};
  task chain;
  chain.what = [&] {
    if (++n < 10) gs_call_rcu(u.d, &chain.head, task::run, nullptr);
  };
  gs_call_rcu(u.d, &chain.head, task::run, nullptr);
  EXPECT_EQ(gs_domain_drain(u.d, 0, 0, nullptr), 0);
  EXPECT_EQ(n.load(), 10);
}

TEST(Domain, I3_drain_names_the_callback_that_keeps_rearming) {
  reports seen;
  domain u("restless");
  rearming r{{}, u.d};
  rearming::stop = false;
  gs_call_rcu(u.d, &r.head, rearming::again, nullptr);
  void* func = nullptr;
  EXPECT_EQ(gs_domain_drain(u.d, 5, 0, &func), -EBUSY);
  EXPECT_EQ(func, reinterpret_cast<void*>(&rearming::again));
  EXPECT_EQ(seen.count(GS_REPORT_REARMING_CALLBACK), 1);
  rearming::stop = true;
  EXPECT_EQ(gs_domain_drain(u.d, 0, 0, &func), 0);
  EXPECT_EQ(func, nullptr);
}

TEST(Domain, I3_drain_with_a_deadline_gives_up_on_a_stuck_reader) {
  domain u("late");
  std::atomic<int> n{0};
  task t{{}, [&] { ++n; }};
  {
    held_reader reader(u.d);
    gs_call_rcu(u.d, &t.head, task::run, nullptr);
    aside drain([&] { EXPECT_EQ(gs_domain_drain(u.d, 0, 30, nullptr), -EBUSY); });
    EXPECT_TRUE(drain.done_within(5000));
  }
  EXPECT_EQ(gs_domain_drain(u.d, 0, 5000, nullptr), 0);
  EXPECT_EQ(n.load(), 1);
}

TEST(Domain, I3_drain_with_a_deadline_gives_up_on_a_stuck_callback) {
  domain u("stuck callback");
  gate inside, leave;
  task slow{{}, [&] {
              inside.open();
              leave.pass();
            }};
  gs_call_rcu_hurry(u.d, &slow.head, task::run, nullptr);
  inside.pass();
  aside drain([&] { EXPECT_EQ(gs_domain_drain(u.d, 0, 30, nullptr), -EBUSY); });
  EXPECT_TRUE(drain.done_within(5000));
  leave.open();
  EXPECT_EQ(gs_domain_drain(u.d, 0, 0, nullptr), 0);
}

TEST(Domain, I3_closed_domain_runs_later_posts_inline_or_refuses) {
  reports seen;
  domain u("closed");
  EXPECT_EQ(gs_domain_close(u.d), 0);
  std::atomic<int> n{0};
  task t{{}, [&] {
           ++n;
           EXPECT_TRUE(graceslab::rcu::in_callback());
         }};
  {
    held_reader reader(u.d);
    aside post([&] { gs_call_rcu(u.d, &t.head, task::run, nullptr); });
    EXPECT_FALSE(post.done_within(50));  // it waits for a grace period
    reader.leave();
    EXPECT_TRUE(post.done_within(5000));
  }
  EXPECT_EQ(n.load(), 1);
  rcu_read_lock();
  gs_call_rcu(u.d, &t.head, task::run, nullptr);
  rcu_read_unlock();
  EXPECT_EQ(n.load(), 1);
  EXPECT_EQ(seen.count(GS_REPORT_CLOSED_DOMAIN), 1);
  task inner{{}, [&] { ++n; }};
  task outer{{}, [&] { gs_call_rcu(u.d, &inner.head, task::run, nullptr); }};
  gs_call_rcu(nullptr, &outer.head, task::run, nullptr);
  rcu_barrier();
  EXPECT_EQ(n.load(), 1);
  EXPECT_EQ(seen.count(GS_REPORT_CLOSED_DOMAIN), 2);
}

TEST(Domain, I3_close_ends_a_rearming_callback) {
  reports seen;
  domain u("closing");
  rearming r{{}, u.d};
  rearming::stop = false;
  gs_call_rcu(u.d, &r.head, rearming::again, nullptr);
  EXPECT_EQ(gs_domain_close(u.d), 0);
  EXPECT_EQ(seen.count(GS_REPORT_REARMING_CALLBACK), 1);
  EXPECT_EQ(seen.count(GS_REPORT_CLOSED_DOMAIN), 1);
  rearming::stop = true;
}

TEST(Domain, I3_drain_inside_a_reader_or_callback_returns) {
  reports seen;
  rcu_read_lock();
  EXPECT_EQ(gs_domain_drain(nullptr, 0, 0, nullptr), -EDEADLK);
  rcu_read_unlock();
  EXPECT_EQ(seen.count(GS_REPORT_BARRIER_IN_READER), 1);
  task t{{}, [] { EXPECT_EQ(gs_domain_drain(nullptr, 0, 0, nullptr), -EDEADLK); }};
  gs_call_rcu(nullptr, &t.head, task::run, nullptr);
  rcu_barrier();
  EXPECT_EQ(seen.count(GS_REPORT_WAIT_IN_CALLBACK), 1);
}

TEST(Domain, A2_covering_retires_can_be_switched) {
  domain u("covers");
  EXPECT_EQ(gs_barrier_covers_retire(u.d, 1), 0);
  EXPECT_EQ(gs_barrier_covers_retire(u.d, 0), 1);
  EXPECT_EQ(gs_barrier_covers_retire(nullptr, 1), 0);
  EXPECT_EQ(gs_barrier_covers_retire(nullptr, 0), 1);
}

TEST(Domain, K6_reclaim_now_is_legal_everywhere) {
  std::atomic<int> n{0};
  task t{{}, [&] { ++n; }};
  gs_call_rcu(nullptr, &t.head, task::run, nullptr);
  gs_domain_reclaim_now(nullptr);
  EXPECT_TRUE(within(5000, [&] { return n == 1; }));
  rcu_read_lock();
  gs_domain_reclaim_now(nullptr);
  rcu_read_unlock();
}
