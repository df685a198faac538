// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A1, R6, R7, R13 and the callback part of R5.
#include <dirent.h>

#include <cstring>
#include <fstream>

#include "observed.hpp"
#include "rcu/domain.hpp"
#include "rcu/rcu.hpp"

using namespace observed;

namespace {

void post(task& t, gs_domain* d = nullptr) { gs_call_rcu(d, &t.head, task::run, nullptr); }

}  // namespace

TEST(Callback, A1_barrier_waits_for_callbacks_posted_before) {
  std::atomic<int> n{0};
  auto all = many(5000, &n);
  for (auto& c : all) call_rcu(&c.head, count_one);
  rcu_barrier();
  EXPECT_EQ(n.load(), 5000);
}

TEST(Callback, A1_barrier_waits_for_callbacks_of_other_threads) {
  std::atomic<int> n{0};
  auto all = many(4000, &n);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = t; i < 4000; i += 4) call_rcu(&all[static_cast<size_t>(i)].head, count_one);
    });
  for (auto& t : threads) t.join();
  rcu_barrier();
  EXPECT_EQ(n.load(), 4000);
}

TEST(Callback, R7_callback_waits_for_a_full_grace_period) {
  std::atomic<int> n{0};
  counted c{{}, &n};
  held_reader reader;
  call_rcu_hurry(&c.head, count_one);
  aside barrier([] { rcu_barrier(); });
  EXPECT_FALSE(barrier.done_within(50));
  EXPECT_EQ(n.load(), 0);
  reader.leave();
  EXPECT_TRUE(barrier.done_within(5000));
  EXPECT_EQ(n.load(), 1);
}

TEST(Callback, R12_synchronize_does_not_wait_for_callbacks) {
  domain u("busy");
  gate inside, leave;
  task slow{{}, [&] {
              inside.open();
              leave.pass();
            }};
  gs_call_rcu_hurry(u.d, &slow.head, task::run, nullptr);
  inside.pass();
  gs_synchronize(u.d);
  leave.open();
  gs_rcu_barrier(u.d);
}

TEST(Callback, R6_runs_without_anybody_waiting) {
  std::atomic<int> n{0};
  counted c{{}, &n};
  call_rcu(&c.head, count_one);
  EXPECT_TRUE(within(5000, [&] { return n == 1; }));
  counted d{{}, &n};
  call_rcu_hurry(&d.head, count_one);
  EXPECT_TRUE(within(5000, [&] { return n == 2; }));
}

TEST(Callback, R6_legal_inside_a_reader_and_in_a_callback_and_keeps_errno) {
  std::atomic<int> n{0};
  counted inner{{}, &n};
  task outer{{}, [&] { call_rcu(&inner.head, count_one); }};
  errno = 1234;
  rcu_read_lock();
  post(outer);
  rcu_read_unlock();
  EXPECT_EQ(errno, 1234);
  rcu_barrier();
  rcu_barrier();
  EXPECT_EQ(n.load(), 1);
}

TEST(Callback, R6_legal_in_thread_exit) {
  static std::atomic<int> n;
  static counted c{{}, &n};
  static pthread_key_t key;
  pthread_key_create(&key, [](void*) { call_rcu(&c.head, count_one); });
  std::thread([] {
    rcu_read_lock();
    rcu_read_unlock();
    pthread_setspecific(key, &key);
  }).join();
  rcu_barrier();
  EXPECT_EQ(n.load(), 1);
}

TEST(Callback, R7_callback_may_requeue_itself) {
  reports seen;
  std::atomic<int> n{0};
  task again;
  again.what = [&] {
    if (++n < 5) post(again);
  };
  post(again);
  EXPECT_TRUE(within(5000, [&] { return n == 5; }));
  rcu_barrier();
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
}

TEST(Callback, R7_callbacks_may_synchronize_and_block) {
  std::atomic<int> n{0};
  task t{{}, [&] {
           synchronize_rcu();
           ++n;
         }};
  post(t);
  rcu_barrier();
  EXPECT_EQ(n.load(), 1);
}

TEST(Callback, R7_fifo_within_one_queue) {
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "1");
  domain u("fifo");
  std::vector<int> order;
  std::mutex lock;
  std::vector<task> all(2000);
  for (int i = 0; i < 2000; ++i)
    all[static_cast<size_t>(i)].what = [&, i] {
      std::lock_guard guard(lock);
      order.push_back(i);
    };
  for (auto& t : all) post(t, u.d);
  ASSERT_TRUE(within(5000, [&] {
    std::lock_guard guard(lock);
    return order.size() == 2000;
  }));
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "4");
}

// A callback that stays inside until told.
class slow_callback {
 public:
  explicit slow_callback(gs_domain* d = nullptr) {
    gs_call_rcu_hurry(d, &task_.head, task::run, nullptr);
  }
  void entered() { inside_.pass(); }
  void leave() { leave_.open(); }

 private:
  gate inside_, leave_;
  task task_{{}, [this] {
               inside_.open();
               leave_.pass();
             }};
};

// One worker, and a domain whose thousand callbacks are due before the one of another domain is.
// How many of them ran first.
int flood_ahead_of_another_domain(const std::function<void()>& each) {
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "1");
  domain crowded("crowded"), quiet("quiet");
  slow_callback plug(crowded.d);
  plug.entered();
  std::atomic<int> ran{0}, ahead{-1};
  std::vector<task> flood(1000);
  for (auto& t : flood) {
    t.what = [&] {
      each();
      ++ran;
    };
    gs_call_rcu_hurry(crowded.d, &t.head, task::run, nullptr);
  }
  task other{{}, [&] { ahead = ran.load(); }};
  gs_call_rcu_hurry(quiet.d, &other.head, task::run, nullptr);
  gs_synchronize(crowded.d);
  gs_synchronize(quiet.d);
  plug.leave();
  EXPECT_TRUE(within(5000, [&] { return ran == 1000 && ahead >= 0; }));
  gs_rcu_barrier(crowded.d);
  gs_rcu_barrier(quiet.d);
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "4");
  return ahead;
}

TEST(Callback, R7_a_batch_has_a_limit_so_that_others_get_a_turn) {
  gs_config_set("GRACESLAB_CALLBACK_CAP_MS", "1000000");
  EXPECT_LT(flood_ahead_of_another_domain([] {}), 100);
  gs_config_set("GRACESLAB_CALLBACK_CAP_MS", "3");
}

TEST(Callback, R7_a_batch_has_a_time_cap_so_that_others_get_a_turn) {
  gs_config_set("GRACESLAB_CALLBACK_BATCH", "1000000");
  constexpr auto long_one = std::chrono::microseconds(60);  // 50 of them in the 3 ms of the cap
  EXPECT_LT(flood_ahead_of_another_domain([&] { std::this_thread::sleep_for(long_one); }), 100);
  gs_config_set("GRACESLAB_CALLBACK_BATCH", "10");
}

// All four workers are inside a callback. One comes out when only one is allowed: it stands by
// until more are.
TEST(Callback, R7_a_limit_of_workers_may_be_lowered_and_raised_again) {
  slow_callback slow[4];
  for (auto& s : slow) s.entered();
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "1");
  slow[0].leave();
  std::atomic<int> n{0};
  counted c{{}, &n};
  call_rcu_hurry(&c.head, count_one);
  usleep(150'000);  // it would have taken over
  EXPECT_EQ(n, 0);
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "4");
  EXPECT_TRUE(within(5000, [&] { return n == 1; }));
  for (auto& s : slow) s.leave();
  rcu_barrier();
}

TEST(Callback, R7_slow_callback_does_not_stall_others) {
  slow_callback slow;
  slow.entered();
  std::atomic<int> n{0};
  auto all = many(1000, &n);
  for (auto& c : all) call_rcu(&c.head, count_one);
  EXPECT_TRUE(within(5000, [&] { return n == 1000; }));
  slow.leave();
  rcu_barrier();
}

TEST(Callback, R7_three_slow_callbacks_do_not_stall_others) {
  gate leave;
  std::atomic<int> inside{0};
  std::vector<task> slow(3);
  for (auto& t : slow)
    t.what = [&] {
      ++inside;
      leave.pass();
    };
  for (auto& t : slow) post(t);
  EXPECT_TRUE(within(5000, [&] { return inside == 3; }));
  std::atomic<int> n{0};
  counted c{{}, &n};
  call_rcu(&c.head, count_one);
  EXPECT_TRUE(within(5000, [&] { return n == 1; }));
  leave.open();
  rcu_barrier();
}

TEST(Callback, R13_barrier_with_nothing_queued) {
  rcu_barrier();
  const auto before = stats_of(nullptr);
  held_reader reader;  // a grace period could not end
  aside barrier([] { rcu_barrier(); });
  EXPECT_TRUE(barrier.done_within(5000));
  EXPECT_EQ(before.started, stats_of(nullptr).started);
}

TEST(Callback, R13_barrier_waits_for_a_callback_that_is_running) {
  gate inside, leave;
  task slow{{}, [&] {
              inside.open();
              leave.pass();
            }};
  call_rcu_hurry(&slow.head, task::run);
  inside.pass();
  aside barrier([] { rcu_barrier(); });
  EXPECT_FALSE(barrier.done_within(50));
  leave.open();
  EXPECT_TRUE(barrier.done_within(5000));
}

TEST(Callback, R13_barrier_of_one_domain_ignores_the_others) {
  domain a("a"), b("b");
  gate inside, leave;
  task slow{{}, [&] {
              inside.open();
              leave.pass();
            }};
  gs_call_rcu_hurry(a.d, &slow.head, task::run, nullptr);
  inside.pass();
  std::atomic<int> n{0};
  counted c{{}, &n};
  gs_call_rcu(b.d, &c.head, count_one, nullptr);
  gs_rcu_barrier(b.d);
  EXPECT_EQ(n.load(), 1);
  leave.open();
  gs_rcu_barrier(a.d);
}

TEST(Callback, R5_head_queued_twice_is_dropped) {
  reports seen;
  held_reader reader;
  std::atomic<int> n{0};
  counted c;
  memset(static_cast<void*>(&c), 0xa5, sizeof c);  // uninitialised memory
  c.counter = &n;
  call_rcu(&c.head, count_one);
  EXPECT_EQ(seen.total(), 0u);
  call_rcu(&c.head, count_one);
  EXPECT_EQ(seen.count(GS_REPORT_DOUBLE_CALLBACK), 1);
  std::thread([&] { call_rcu(&c.head, count_one); }).join();
  EXPECT_EQ(seen.count(GS_REPORT_DOUBLE_CALLBACK), 2);
  counted copy = c;  // a copy of a queued head is no queued head
  call_rcu(&copy.head, count_one);
  EXPECT_EQ(seen.count(GS_REPORT_DOUBLE_CALLBACK), 2);
  reader.leave();
  rcu_barrier();
  EXPECT_EQ(n.load(), 2);
}

TEST(Callback, R5_head_queued_by_two_threads_at_once_runs_once) {
  reports seen;
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> n{0};
    counted c{{}, &n};
    held_reader reader;
    std::atomic<int> ready{0};
    auto go = [&] {
      for (++ready; ready < 2;) {
      }
      call_rcu(&c.head, count_one);
    };
    std::thread a(go), b(go);
    a.join();
    b.join();
    reader.leave();
    rcu_barrier();
    ASSERT_EQ(n.load(), 1);
  }
  EXPECT_EQ(seen.count(GS_REPORT_DOUBLE_CALLBACK), 200);
}

TEST(Callback, R5_barrier_inside_a_reader_reports_and_returns) {
  reports seen;
  std::atomic<int> n{0};
  counted c{{}, &n};
  rcu_read_lock();
  call_rcu(&c.head, count_one);
  rcu_barrier();
  EXPECT_EQ(n.load(), 0);
  rcu_read_unlock();
  EXPECT_EQ(seen.count(GS_REPORT_BARRIER_IN_READER), 1);
  rcu_barrier();
  EXPECT_EQ(n.load(), 1);
}

TEST(Callback, R5_barrier_inside_a_callback_waits_for_all_but_its_own_stack) {
  reports seen;
  std::atomic<int> n{0};
  auto others = many(1000, &n);
  std::atomic<int> at_return{-1};
  task misuse{{}, [&] {
                rcu_barrier();
                at_return = n.load();
              }};
  {
    held_reader reader;  // nothing runs before all are posted
    post(misuse);
    for (auto& c : others) call_rcu(&c.head, count_one);
  }
  aside barrier([] { rcu_barrier(); });
  EXPECT_TRUE(barrier.done_within(10'000));
  EXPECT_GE(seen.count(GS_REPORT_BARRIER_IN_CALLBACK), 1);
  EXPECT_EQ(at_return.load(), 1000);
}

TEST(Callback, R5_barriers_inside_two_callbacks_do_not_wait_for_each_other) {
  reports seen;
  gate both;
  std::atomic<int> inside{0}, out{0};
  std::vector<task> all(2);
  for (auto& t : all)
    t.what = [&] {
      if (++inside == 2) both.open();
      both.pass();
      rcu_barrier();
      ++out;
    };
  for (auto& t : all) post(t);
  EXPECT_TRUE(within(10'000, [&] { return out == 2; }));
  rcu_barrier();
  EXPECT_EQ(seen.count(GS_REPORT_BARRIER_IN_CALLBACK), 2);
}

TEST(Callback, R5_a_thousand_callbacks_that_all_call_barrier) {
  reports seen;
  std::atomic<int> n{0};
  std::vector<task> all(1000);
  for (auto& t : all)
    t.what = [&] {
      rcu_barrier();
      ++n;
    };
  for (auto& t : all) post(t);
  aside barrier([] { rcu_barrier(); });
  EXPECT_TRUE(barrier.done_within(60'000));
  EXPECT_EQ(n.load(), 1000);
}

TEST(Callback, R10_idle_means_no_wakeups) {
  gs_config_set("GRACESLAB_HELPER_IDLE_MS", "0");  // it would wake up once, to end
  gs_config_set("GRACESLAB_STALL_MS", "86400000");
  std::atomic<int> n{0};
  counted c{{}, &n};
  call_rcu_hurry(&c.head, count_one);
  rcu_barrier();
  pause_ms(200);
  auto switches = [] {
    std::string all;
    DIR* dir = opendir("/proc/self/task");
    while (dirent* e = readdir(dir)) {
      const std::string base = std::string("/proc/self/task/") + e->d_name;
      std::ifstream name(base + "/comm"), status(base + "/status");
      std::string line, comm;
      std::getline(name, comm);
      if (comm.rfind("gs-", 0) != 0) continue;
      while (std::getline(status, line))
        if (line.find("ctxt_switches") != std::string::npos) all += base + line + "\n";
    }
    closedir(dir);
    return all;
  };
  const std::string before = switches();
  EXPECT_FALSE(before.empty());
  pause_ms(400);
  EXPECT_EQ(before, switches());
  gs_config_set("GRACESLAB_HELPER_IDLE_MS", "2000");
  gs_config_set("GRACESLAB_STALL_MS", "21000");
}

TEST(Callback, R7_flood_from_many_threads) {
  std::atomic<int> n{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  std::atomic<int> posted{0};
  struct self_freeing {
    rcu_head head;
    std::atomic<int>* counter;
    long payload[4];
  };
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      while (!stop && posted < 300'000) {
        auto* p = new self_freeing{{}, &n, {1, 2, 3, 4}};
        ++posted;
        call_rcu(&p->head, [](rcu_head* h) {
          auto* self = reinterpret_cast<self_freeing*>(h);
          ++*self->counter;
          delete self;
        });
      }
    });
  std::thread reader([&] {
    while (!stop) {
      rcu_read_lock();
      std::this_thread::yield();
      rcu_read_unlock();
    }
  });
  std::thread barriers([&] {
    while (!stop) rcu_barrier();
  });
  pause_ms(500);
  while (posted <= 1000) pause_ms(10);
  stop = true;
  for (auto& t : threads) t.join();
  reader.join();
  barriers.join();
  rcu_barrier();
  EXPECT_EQ(n.load(), posted.load());
}

TEST(Callback, R14_statistics_count_callbacks) {
  domain u("counted");
  std::atomic<int> n{0};
  auto all = many(700, &n);
  for (auto& c : all) gs_call_rcu(u.d, &c.head, count_one, nullptr);
  gs_rcu_barrier(u.d);
  EXPECT_EQ(stats_of(u.d).callbacks_posted, 700u);
  EXPECT_EQ(stats_of(u.d).callbacks_invoked, 700u);
}
