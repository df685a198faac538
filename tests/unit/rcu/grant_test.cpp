// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs of callbacks: what a runner may begin without the queue's lock, and how it is taken back.
// The queue is a domain's that no worker knows.
#include "rcu/grant.hpp"

#include <algorithm>
#include <memory>

#include "observed.hpp"
#include "os/clock.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/pending.hpp"
#include "rcu/watch.hpp"

namespace {

using namespace observed;
namespace rcu = graceslab::rcu;
using graceslab::sync::lock_guard;

struct own_queue {
  own_queue() { d->completed = ~std::uint64_t{0}; }  // every cookie is done there
  ~own_queue() { rcu::give_back(s.spare); }

  rcu::posting post(rcu_head* head, rcu_callback_t func = count_one, void* owner = nullptr) {
    return rcu::append({0, d.get()}, s, {head, func, owner}, 0, false);
  }
  void post(std::vector<counted>& all, void* owner = nullptr) {
    for (auto& c : all) post(&c.head, count_one, owner);
  }
  void seal() {
    lock_guard guard(s.lock);
    rcu::seal(d.get(), s);
  }
  unsigned run(unsigned limit) { return rcu::run_shard(d.get(), s, {}, limit, nullptr, nullptr); }
  std::uint32_t queued(const rcu::those& which) {
    lock_guard guard(s.lock);
    return rcu::count_queued(s, which);
  }
  bool quiet() { return s.posted == s.finished && s.waiting == 0 && !s.first && !s.granted; }

  gs_domain_hot hot = {{}, GS_ENTRY(0), {}};
  std::unique_ptr<gs_domain> d = std::make_unique<gs_domain>(&hot);
  rcu::shard& s = d->shards[0];
};

// A runner that stops between any two steps.
struct hand {
  explicit hand(own_queue& from) : q(from), scope(from.d.get()) {}
  bool claim(unsigned most, const rcu::wish& w = {}) {
    lock_guard guard(q.s.lock);
    rcu::place where;
    if (!rcu::claim(q.d.get(), q.s, w, &where, &e, scope.record)) return false;
    if (most != 0) rcu::grant(q.s, scope.record, most);
    return true;
  }
  rcu::beginning next() { return rcu::begin_next(scope.record, &e); }
  bool finish() {
    rcu::batch* surplus = nullptr;
    lock_guard guard(q.s.lock);
    return rcu::finish(q.s, scope.record, surplus);
  }
  own_queue& q;
  rcu::runner_scope scope;
  rcu::entry e{};
};

struct filled : own_queue {
  explicit filled(int count) : all(many(count, &n)) {
    post(all);
    seal();
  }
  rcu_head* at(std::size_t i) { return &all[i].head; }
  std::atomic<int> n{0};
  std::vector<counted> all;
};

rcu::those any_of(void* owner) {
  return {[](const void* of, const void*, const void*, const void* arg) { return of == arg; },
          owner};
}

// Else the leader would find it due again and again, and turn without a rest.
TEST(Seal, R6_what_is_not_old_enough_any_more_is_not_due) {
  own_queue q;
  std::atomic<int> n{0};
  counted c{{}, &n};
  gs_clock_virtual(1);
  gs_config_set("GRACESLAB_LAZY", "0");
  q.post(&c.head);
  EXPECT_LE(q.s.due_ms, graceslab::os::now_ms());
  gs_config_set("GRACESLAB_LAZY", "1");
  {
    lock_guard guard(q.s.lock);
    rcu::seal_aged(q.d.get(), q.s);
  }
  EXPECT_NE(q.s.filling, nullptr);
  EXPECT_GT(q.s.due_ms, graceslab::os::now_ms());
  gs_clock_virtual(0);
  q.seal();
  EXPECT_EQ(q.run(1), 1u);
}

TEST(Grant, R7_a_run_is_as_long_as_was_allowed) {
  filled q(100);
  hand a(q);
  ASSERT_TRUE(a.claim(5));
  for (std::size_t i = 1; i <= 5; ++i) {
    ASSERT_EQ(a.next(), rcu::beginning::begun);
    EXPECT_EQ(a.e.head, q.at(i));
  }
  EXPECT_EQ(a.next(), rcu::beginning::ended);
  EXPECT_FALSE(a.finish());
  EXPECT_EQ(q.s.finished, 6u);
  EXPECT_EQ(q.s.waiting, 94u);
  EXPECT_EQ(q.run(1000), 94u);
  EXPECT_TRUE(q.quiet());
  EXPECT_EQ(q.n, 94);
}

// As where hazard pointers hand in: what is bounded there is bounded by the share that each helper
// runs, whoever else is at it.
TEST(Grant, I5_two_that_run_their_shares_at_once_both_run_them) {
  own_queue q;
  q.d->one_by_one = true;
  unsigned inner = 0;
  task first;
  first.what = [&] { inner = q.run(10); };
  q.post(&first.head, task::run);
  std::atomic<int> n{0};
  auto all = many(30, &n);
  q.post(all);
  q.seal();
  EXPECT_EQ(q.run(20), 20u);
  EXPECT_EQ(inner, 10u);
  EXPECT_EQ(n, 29);
  EXPECT_EQ(q.run(1000), 1u);
  EXPECT_TRUE(q.quiet());
}

TEST(Grant, R7_a_run_ends_with_its_array) {
  filled q(3);
  hand a(q);
  ASSERT_TRUE(a.claim(1000));
  EXPECT_EQ(a.next(), rcu::beginning::begun);
  EXPECT_EQ(a.next(), rcu::beginning::begun);
  EXPECT_EQ(a.next(), rcu::beginning::ended);
  EXPECT_TRUE(a.finish());
  EXPECT_TRUE(q.quiet());
}

// The first runner is stuck in its third callback: the next one goes on with the fourth.
TEST(Grant, R7_what_is_not_begun_goes_to_whoever_comes) {
  filled q(10);
  hand a(q), b(q);
  ASSERT_TRUE(a.claim(9));
  ASSERT_EQ(a.next(), rcu::beginning::begun);
  ASSERT_EQ(a.next(), rcu::beginning::begun);
  ASSERT_TRUE(b.claim(9));
  EXPECT_EQ(b.e.head, q.at(3));
  EXPECT_EQ(q.s.finished, 2u) << "those that have returned count";
  EXPECT_EQ(b.next(), rcu::beginning::begun);
  EXPECT_EQ(b.e.head, q.at(4));
  EXPECT_EQ(a.next(), rcu::beginning::recalled);
  EXPECT_FALSE(a.finish());
  EXPECT_EQ(q.s.finished, 3u) << "the two of the second runner are its own to count";
  EXPECT_EQ(b.next(), rcu::beginning::begun) << "the first one's end is nothing to the second";
  EXPECT_FALSE(b.finish());
  EXPECT_EQ(q.run(1000), 4u);
  EXPECT_TRUE(q.quiet());
}

// A stuck runner is the last one; its array stays until then.
TEST(Grant, R7_an_array_stays_until_a_runner_that_lost_its_run_is_out) {
  filled q(4);
  hand a(q);
  ASSERT_TRUE(a.claim(3));
  EXPECT_EQ(q.run(1000), 3u);
  EXPECT_NE(q.s.first, nullptr);
  EXPECT_EQ(a.next(), rcu::beginning::recalled);
  EXPECT_TRUE(a.finish());
  EXPECT_TRUE(q.quiet());
}

TEST(Grant, R7_a_callback_that_runs_callbacks_takes_its_own_run_over) {
  filled q(20);
  hand outer(q);
  ASSERT_TRUE(outer.claim(19));
  {
    hand inner(q);
    ASSERT_TRUE(inner.claim(18));
    EXPECT_EQ(inner.e.head, q.at(1));
    EXPECT_FALSE(inner.finish());
  }
  EXPECT_EQ(outer.next(), rcu::beginning::recalled);
  EXPECT_FALSE(outer.finish());
  EXPECT_EQ(q.run(1000), 18u);
  EXPECT_TRUE(q.quiet());
}

// Of two owners that take turns; the second one's are queued until they are begun, and run after.
TEST(Grant, I4_what_is_not_begun_is_queued_and_what_is_begun_is_not) {
  std::atomic<int> n{0};
  auto all = many(6, &n);
  own_queue q;
  int mine = 0, others = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    q.post(&all[i].head, count_one, i % 2 ? &mine : &others);
  q.seal();
  const rcu::those ours = any_of(&mine);
  hand a(q);
  ASSERT_TRUE(a.claim(5));
  EXPECT_FALSE(rcu::runs_one(a.scope.record, ours));
  ASSERT_EQ(a.next(), rcu::beginning::begun);
  EXPECT_TRUE(rcu::runs_one(a.scope.record, ours));
  EXPECT_EQ(q.queued(ours), 2u);
  EXPECT_EQ(a.next(), rcu::beginning::recalled);
  EXPECT_FALSE(a.finish());
  EXPECT_FALSE(rcu::runs_one(a.scope.record, ours));
  EXPECT_EQ(rcu::look_at_queue(q.d.get(), ours).most[0], 4u);

  ASSERT_TRUE(a.claim(3));
  ASSERT_EQ(a.next(), rcu::beginning::begun);
  ASSERT_EQ(a.next(), rcu::beginning::begun);
  ASSERT_EQ(a.next(), rcu::beginning::begun);
  EXPECT_FALSE(rcu::look_at_queue(q.d.get(), ours).any) << "the last one is begun";
  EXPECT_TRUE(a.finish());
  EXPECT_TRUE(q.quiet());
}

TEST(Grant, I4_chosen_callbacks_are_taken_out_of_the_middle_of_a_run) {
  std::atomic<int> n{0};
  auto all = many(8, &n);
  own_queue q;
  int mine = 0, others = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    q.post(&all[i].head, count_one, i == 4 ? &mine : &others);
  q.seal();
  const rcu::those ours = any_of(&mine);
  hand a(q), b(q);
  ASSERT_TRUE(a.claim(7));
  rcu::wish w;
  w.of = &ours;
  ASSERT_TRUE(b.claim(0, w));
  EXPECT_EQ(b.e.head, &all[4].head);
  EXPECT_EQ(a.next(), rcu::beginning::recalled);
  EXPECT_FALSE(a.finish());
  ASSERT_TRUE(a.claim(6));
  EXPECT_EQ(a.next(), rcu::beginning::ended) << "no runs where one is missing";
  EXPECT_FALSE(a.finish());
  EXPECT_FALSE(b.finish());
  EXPECT_EQ(q.run(1000), 5u);
  EXPECT_TRUE(q.quiet());
}

TEST(Grant, R6_no_run_without_an_array) {
  std::atomic<int> n{0};
  auto all = many(5, &n);
  own_queue q;
  {
    fault no_arrays(GS_FAULT_ARRAY);
    q.post(all);
  }
  q.seal();
  hand a(q);
  ASSERT_TRUE(a.claim(4));
  EXPECT_EQ(a.next(), rcu::beginning::ended);
  EXPECT_FALSE(a.finish());
  EXPECT_EQ(q.run(1000), 4u);
  EXPECT_TRUE(q.quiet());
}

// Else who posts itself again where every cookie is done, as the look at hazard pointers does, runs
// again at once, until the array is full.
TEST(Seal, R6_what_is_ready_takes_nothing_in) {
  std::atomic<int> n{0};
  auto all = many(2, &n);
  own_queue q;
  q.post(&all[0].head);
  q.seal();
  EXPECT_EQ(q.post(&all[1].head), rcu::posting::wake);
  EXPECT_EQ(q.run(1000), 1u);
  EXPECT_NE(q.s.filling, nullptr);
  EXPECT_NE(q.s.due_ms, 0u);
  q.seal();
  EXPECT_EQ(q.run(1000), 1u);
  EXPECT_TRUE(q.quiet());
}

// A leader that looks finds the run's rest due; once it has looked, nothing, and it may sleep.
TEST(Grant, R7_a_worker_does_not_sleep_past_a_run_that_stands) {
  filled q(3);
  hand a(q), leader(q);
  ASSERT_TRUE(a.claim(2));
  EXPECT_EQ(q.s.due_ms, 0u);
  ASSERT_EQ(a.next(), rcu::beginning::begun);
  ASSERT_EQ(a.next(), rcu::beginning::begun);
  EXPECT_EQ(q.s.due_ms, 0u);
  EXPECT_FALSE(leader.claim(10));
  EXPECT_EQ(q.s.due_ms, rcu::never_ms);
  EXPECT_TRUE(a.finish());
}

TEST(Grant, R14_callbacks_of_a_run_count_when_they_have_returned) {
  filled q(9);
  hand a(q);
  ASSERT_TRUE(a.claim(8));
  for (int i = 0; i < 4; ++i) ASSERT_EQ(a.next(), rcu::beginning::begun);
  EXPECT_EQ(rcu::uncounted(a.scope.record), 4u);
  EXPECT_EQ(rcu::domain_stats(q.d.get()).callbacks_invoked, 4u);
  EXPECT_EQ(rcu::uncounted(a.scope.record), 0u);
  EXPECT_EQ(a.next(), rcu::beginning::recalled);
  EXPECT_FALSE(a.finish());
  EXPECT_EQ(q.run(1000), 4u);
}

// Several run, some recall, one posts: each callback runs once.
TEST(Grant, R7_everybody_at_one_queue) {
  constexpr std::size_t rounds = 12, each = 200;
  struct numbered {
    rcu_head head;
    std::atomic<int> runs;
  };
  own_queue q;
  std::vector<numbered> all(rounds * each);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      while (!over) (void)q.run(50);
    });
  threads.emplace_back([&] {
    while (!over) {
      rcu::recall_all(q.d.get());
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    q.post(&all[i].head, [](rcu_head* head) { ++reinterpret_cast<numbered*>(head)->runs; });
    if (i % each == each - 1) q.seal();
  }
  EXPECT_TRUE(within(50'000, [&] {
    lock_guard guard(q.s.lock);
    return q.s.finished == all.size();
  }));
  over = true;
  for (auto& t : threads) t.join();
  EXPECT_TRUE(std::all_of(all.begin(), all.end(), [](auto& c) { return c.runs == 1; }));
  EXPECT_TRUE(q.quiet());
}

}  // namespace
