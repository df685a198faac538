// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// R1, R8, R9, R10, R11 and the synchronize part of R5.
#include "observed.hpp"
#include "rcu/rcu.hpp"

using namespace observed;

TEST(GracePeriod, R1_wait_returns_after_preexisting_reader) {
  held_reader reader;
  aside wait([] { synchronize_rcu(); });
  EXPECT_FALSE(wait.done_within(50));
  reader.leave();
  EXPECT_TRUE(wait.done_within(5000));
}

TEST(GracePeriod, R1_nested_section_counts_until_its_last_unlock) {
  gate inside, unlock_one, unlocked_one, leave;
  std::thread reader([&] {
    rcu_read_lock();
    rcu_read_lock();
    inside.open();
    unlock_one.pass();
    rcu_read_unlock();
    unlocked_one.open();
    leave.pass();
    rcu_read_unlock();
  });
  inside.pass();
  aside wait([] { synchronize_rcu(); });
  unlock_one.open();
  unlocked_one.pass();
  EXPECT_FALSE(wait.done_within(50));
  leave.open();
  EXPECT_TRUE(wait.done_within(5000));
  reader.join();
}

TEST(GracePeriod, R1_later_reader_is_not_waited_for) {
  held_reader first;
  const uint64_t cookie = gs_gp_start_poll(nullptr);
  held_reader later;
  EXPECT_FALSE(gs_gp_poll(nullptr, cookie));
  first.leave();
  EXPECT_TRUE(within(5000, [&] { return gs_gp_poll(nullptr, cookie) != 0; }));
}

// Plain fields: a thread sanitizer build sees a race when the edge from the reader's end to the
// return is missing.
TEST(GracePeriod, R1_whole_reader_happens_before_return) {
  struct item {
    long a, b;
  };
  item items[2] = {{1, 1}, {1, 1}};
  item* current = &items[0];
  std::atomic<bool> stop{false};
  std::atomic<long> torn{0}, reads{0};
  auto read = [&] {
    while (!stop.load()) {
      rcu_read_lock();
      const item* i = rcu_dereference(current);
      const long a = i->a;
      if (reads++ % 64 == 0) std::this_thread::yield();
      torn += a != i->b || a < 0;
      rcu_read_unlock();
    }
  };
  std::thread one(read), two(read);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  for (long n = 2; reads <= 1000 || std::chrono::steady_clock::now() < end; ++n) {
    item* old = current;
    item* fresh = old == &items[0] ? &items[1] : &items[0];
    *fresh = {n, n};
    rcu_assign_pointer(current, fresh);
    synchronize_rcu();
    *old = {-n, n};
  }
  stop = true;
  one.join();
  two.join();
  EXPECT_EQ(torn.load(), 0);
}

// The store that announces a section sits in a store buffer while the section's loads already run:
// without the heavy fence the scan misses it. Stores that miss the cache, just before, keep the
// announcement in the buffer for long.
TEST(GracePeriod, R1_section_that_begins_beside_the_scan) {
  constexpr int n = 64;
  struct alignas(64) item {
    unsigned alive;
  };
  static item items[n];
  static item* current;
  items[0].alive = 1;
  current = &items[0];
  std::atomic<bool> stop{false};
  std::atomic<long> dead{0};
  std::vector<long> cold(std::size_t{8} << 20);
  std::thread reader([&] {
    long found = 0;
    std::size_t at = 1;
    while (!stop.load(std::memory_order_relaxed)) {
      for (int k = 0; k < 24; ++k) {
        at = at * 6364136223846793005u + 1442695040888963407u;
        cold[(at >> 33) % cold.size()] = found;
      }
      rcu_read_lock();
      const item* i = rcu_dereference(current);
      for (int k = 0; k < 100; ++k) found += gs_load_relaxed(&i->alive) == 0;
      rcu_read_unlock();
    }
    dead = found;
  });
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  for (int next = 1; std::chrono::steady_clock::now() < end; next = (next + 1) % n) {
    item* old = current;
    gs_store_relaxed(&items[next].alive, 1u);
    rcu_assign_pointer(current, &items[next]);
    synchronize_rcu();
    gs_store_relaxed(&old->alive, 0u);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(dead.load(), 0);
}

TEST(GracePeriod, R8_polled_cookie_completes_and_stays_done) {
  EXPECT_TRUE(gs_gp_poll(nullptr, 0));
  held_reader reader;
  const uint64_t cookie = gs_gp_start_poll(nullptr);
  EXPECT_FALSE(gs_gp_poll(nullptr, cookie));
  const uint64_t state = gs_gp_state(nullptr);
  EXPECT_GE(state, cookie);
  reader.leave();
  EXPECT_TRUE(within(5000, [&] { return gs_gp_poll(nullptr, cookie) != 0; }));
  gs_gp_cond_synchronize(nullptr, state);
  EXPECT_TRUE(gs_gp_poll(nullptr, state));
  held_reader another;
  gs_gp_start_poll(nullptr);
  EXPECT_TRUE(gs_gp_poll(nullptr, cookie));
  EXPECT_TRUE(gs_gp_poll(nullptr, state));
}

TEST(GracePeriod, R8_a_state_is_not_done_by_a_grace_period_that_began_before) {
  held_reader reader;
  const uint64_t first = gs_gp_start_poll(nullptr);
  held_reader second;
  const uint64_t state = gs_gp_state(nullptr);
  ASSERT_GT(state, first);
  reader.leave();
  EXPECT_TRUE(within(5000, [&] { return gs_gp_poll(nullptr, first) != 0; }));
  EXPECT_FALSE(gs_gp_poll(nullptr, state));
  second.leave();
  EXPECT_TRUE(within(5000, [&] { return gs_gp_poll(nullptr, state) != 0; }));
}

TEST(GracePeriod, R8_an_invented_cookie_is_never_done_and_starts_nothing) {
  const auto before = stats_of(nullptr);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(gs_gp_poll(nullptr, uint64_t{1} << 60));
  EXPECT_EQ(before.started, stats_of(nullptr).started);
  gs_gp_cond_synchronize(nullptr, uint64_t{1} << 60);  // returns
}

TEST(GracePeriod, R8_older_grace_periods_complete_while_a_newer_one_waits) {
  domain u("watermark");
  const uint64_t old = gs_gp_start_poll(u.d);
  gs_gp_cond_synchronize(u.d, old);
  held_reader reader(u.d);
  const uint64_t blocked = gs_gp_start_poll(u.d);
  const uint64_t also = gs_gp_start_poll(u.d);
  EXPECT_EQ(also, blocked + 1);
  EXPECT_FALSE(gs_gp_poll(u.d, also));
  EXPECT_EQ(stats_of(u.d).completed, 1u);
  EXPECT_EQ(stats_of(u.d).started, 3u);
  reader.leave();
  EXPECT_TRUE(gs_gp_poll(u.d, also));
}

TEST(GracePeriod, R9_expedited_waits_for_readers_too) {
  held_reader reader;
  aside wait([] { synchronize_rcu_expedited(); });
  EXPECT_FALSE(wait.done_within(50));
  reader.leave();
  EXPECT_TRUE(wait.done_within(5000));
}

TEST(GracePeriod, R11_domains_are_independent) {
  domain a("a"), b("b");
  held_reader in_a(a.d);
  gs_synchronize(b.d);
  gs_synchronize(nullptr);
  gs_domain_read_lock(a.d);
  gs_synchronize(b.d);  // inside a section of another domain: legal
  gs_domain_read_unlock(a.d);
  aside wait([&] { gs_synchronize(a.d); });
  EXPECT_FALSE(wait.done_within(50));
  in_a.leave();
  EXPECT_TRUE(wait.done_within(5000));
}

TEST(GracePeriod, R5_synchronize_inside_a_reader_waits_for_all_but_itself) {
  reports seen;
  held_reader other;
  std::atomic<bool> returned{false};
  aside wait([&] {
    rcu_read_lock();
    synchronize_rcu();
    returned = true;
    EXPECT_EQ(rcu_read_lock_held(), 1);
    rcu_read_unlock();
  });
  EXPECT_FALSE(wait.done_within(50));
  other.leave();
  EXPECT_TRUE(wait.done_within(5000));
  EXPECT_EQ(seen.count(GS_REPORT_SYNCHRONIZE_IN_READER), 1);
  EXPECT_NE(seen.text(GS_REPORT_SYNCHRONIZE_IN_READER).find("nesting 1"), std::string::npos);
  EXPECT_NE(seen.text(GS_REPORT_SYNCHRONIZE_IN_READER).find("#0"), std::string::npos)
      << "the place is missing";
}

// Others start grace periods meanwhile, so that sections carry later numbers than the wait's.
TEST(GracePeriod, R5_wait_inside_a_reader_is_not_for_later_sections) {
  reports seen;
  domain u("inside");
  held_reader before(u.d);
  aside wait([&] {
    gs_domain_read_lock(u.d);
    gs_synchronize(u.d);
    gs_domain_read_unlock(u.d);
  });
  ASSERT_TRUE(within(5000, [&] { return stats_of(u.d).started != 0; }));
  (void)gs_gp_start_poll(u.d);
  held_reader after(u.d);
  EXPECT_FALSE(wait.done_within(30));
  before.leave();
  EXPECT_TRUE(wait.done_within(20'000)) << "it waits for a section that began after it";
  after.leave();
}

TEST(GracePeriod, R5_wait_inside_a_reader_is_not_starved) {
  reports seen;
  domain u("inside");
  std::atomic<bool> stop{false};
  std::atomic<int> sections{0}, ended{0};
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i)
    others.emplace_back([&] {
      while (!stop) {
        gs_domain_read_lock(u.d);
        std::this_thread::sleep_for(std::chrono::microseconds(300));
        gs_domain_read_unlock(u.d);
        ++sections;
      }
    });
  others.emplace_back([&] {
    while (!stop) (void)gs_gp_start_poll(u.d), std::this_thread::yield();
  });
  ASSERT_TRUE(within(20'000, [&] { return sections > 10; }));
  aside wait([&] {
    for (; ended < 5; ++ended) {
      gs_domain_read_lock(u.d);
      gs_synchronize(u.d);
      gs_domain_read_unlock(u.d);
    }
  });
  EXPECT_TRUE(wait.done_within(20'000)) << ended << " of 5";
  stop = true;
  for (auto& t : others) t.join();
}

TEST(GracePeriod, R5_wait_inside_a_reader_is_not_done) {
  reports seen;
  gs_domain* d = graceslab::rcu::default_domain();
  rcu_read_lock();
  const uint64_t cookie = graceslab::rcu::snapshot(d);
  EXPECT_FALSE(graceslab::rcu::wait(d, cookie));
  EXPECT_FALSE(graceslab::rcu::done(d, cookie));
  rcu_read_unlock();
  EXPECT_TRUE(graceslab::rcu::wait(d, cookie));
}

TEST(GracePeriod, R5_two_threads_that_synchronize_inside_readers_do_not_hang) {
  reports seen;
  gate both;
  std::atomic<int> inside{0};
  auto misuse = [&] {
    rcu_read_lock();
    if (++inside == 2) both.open();
    both.pass();
    synchronize_rcu();
    rcu_read_unlock();
  };
  aside one(misuse), two(misuse);
  EXPECT_TRUE(one.done_within(5000));
  EXPECT_TRUE(two.done_within(5000));
}

TEST(GracePeriod, R10_stuck_reader_is_reported_with_name_nesting_age_and_stack) {
  reports seen;
  gs_clock_virtual(1);
  domain u("stuck");
  held_reader reader(u.d, 2);
  aside wait([&] { gs_synchronize(u.d); });
  EXPECT_FALSE(wait.done_within(30));
  gs_clock_advance(20'000);
  EXPECT_FALSE(wait.done_within(30));
  EXPECT_EQ(seen.count(GS_REPORT_STALL), 0);
  gs_clock_advance(1'500);
  EXPECT_TRUE(within(5000, [&] { return seen.count(GS_REPORT_STALL) == 1; }));
  const std::string text = seen.text(GS_REPORT_STALL);
  EXPECT_NE(text.find("'stuck'"), std::string::npos) << text;
  EXPECT_NE(text.find("thread " + std::to_string(reader.tid)), std::string::npos) << text;
  EXPECT_NE(text.find("nesting 2"), std::string::npos) << text;
  EXPECT_NE(text.find("at least 21500 ms"), std::string::npos) << text;
#if !defined(__SANITIZE_THREAD__)  // which delays signals
  EXPECT_NE(text.find("#1"), std::string::npos) << text;
#endif
  gs_clock_advance(21'000);
  EXPECT_FALSE(wait.done_within(30));
  EXPECT_EQ(seen.count(GS_REPORT_STALL), 1);
  gs_clock_advance(21'000);  // 3x
  EXPECT_TRUE(within(5000, [&] { return seen.count(GS_REPORT_STALL) == 2; }));
  char blocker[200];
  gs_domain* record = graceslab::rcu::record_of(u.d);
  EXPECT_GT(graceslab::rcu::describe_blocker(record, blocker, sizeof blocker), 0u);
  EXPECT_NE(std::string(blocker).find("nesting 2"), std::string::npos) << blocker;
  reader.leave();
  EXPECT_TRUE(wait.done_within(5000));
  EXPECT_EQ(graceslab::rcu::describe_blocker(record, blocker, sizeof blocker), 0u);
  gs_clock_virtual(0);
}

TEST(GracePeriod, R10_a_stall_limit_below_three_seconds_is_obeyed) {
  reports seen;
  gs_config_set("GRACESLAB_STALL_MS", "40");
  held_reader reader;
  aside wait([] { synchronize_rcu(); });
  EXPECT_TRUE(within(5000, [&] { return seen.count(GS_REPORT_STALL) >= 1; }));
  reader.leave();
  EXPECT_TRUE(wait.done_within(5000));
  gs_config_set("GRACESLAB_STALL_MS", "21000");
}

TEST(GracePeriod, R10_progress_restarts_the_stall_clock) {
  reports seen;
  gs_clock_virtual(1);
  domain u("moving");
  for (int i = 0; i < 4; ++i) {
    held_reader reader(u.d);
    aside wait([&] { gs_synchronize(u.d); });
    EXPECT_FALSE(wait.done_within(20));
    gs_clock_advance(15'000);
    EXPECT_FALSE(wait.done_within(20));
    reader.leave();
    EXPECT_TRUE(wait.done_within(5000));
  }
  EXPECT_EQ(seen.count(GS_REPORT_STALL), 0);
  gs_clock_virtual(0);
}

TEST(GracePeriod, R1_many_threads_wait_at_once) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> all;
  for (int i = 0; i < 4; ++i)
    all.emplace_back([&] {
      while (!stop) {
        rcu_read_lock();
        rcu_read_unlock();
      }
    });
  for (int i = 0; i < 4; ++i)
    all.emplace_back([&] {
      for (int n = 0; n < 200; ++n) synchronize_rcu();
    });
  for (std::size_t i = 4; i < all.size(); ++i) all[i].join();
  stop = true;
  for (std::size_t i = 0; i < 4; ++i) all[i].join();
}
