// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// R3, R4 and the unlock part of R5.
#include <csignal>
#include <memory>

#include "observed.hpp"
#include "rcu/domain.hpp"
#include "rcu/rcu.hpp"

using namespace observed;

namespace {

// A domain in which nobody was ever registered: records of domains that were destroyed keep their
// slots.
struct untouched_domain {
  untouched_domain() {
    do {
      tried.push_back(std::make_unique<domain>("untouched"));
      d = tried.back()->d;
      record = graceslab::rcu::record_of(d);
    } while (record->chunks);
  }
  std::vector<std::unique_ptr<domain>> tried;
  gs_domain* d;
  gs_domain* record;
};

}  // namespace

TEST(Reader, R3_nesting_to_65535_and_the_next_is_reported) {
  reports seen;
  for (int i = 0; i < 65535; ++i) rcu_read_lock();
  EXPECT_EQ(rcu_read_lock_held(), 65535);
  EXPECT_EQ(seen.total(), 0u);
  rcu_read_lock();
  rcu_read_lock();
  EXPECT_EQ(seen.count(GS_REPORT_NESTING_OVERFLOW), 2);
  EXPECT_EQ(rcu_read_lock_held(), 65537);
  aside wait([] { synchronize_rcu(); });
  for (int i = 0; i < 65536; ++i) rcu_read_unlock();
  EXPECT_EQ(rcu_read_lock_held(), 1);
  EXPECT_FALSE(wait.done_within(50));
  rcu_read_unlock();
  EXPECT_TRUE(wait.done_within(5000));
  EXPECT_EQ(seen.total(), 2u) << seen.everything();
  rcu_read_unlock();
  EXPECT_EQ(seen.count(GS_REPORT_UNLOCK_WITHOUT_LOCK), 1);
}

TEST(Reader, R3_held_counts_levels_from_before_a_threads_first_section) {
  std::thread([] {
    EXPECT_EQ(rcu_read_lock_held(), 0);
    rcu_read_lock();
    EXPECT_EQ(rcu_read_lock_held(), 1);
    rcu_read_lock();
    EXPECT_EQ(rcu_read_lock_held(), 2);
    rcu_read_unlock();
    rcu_read_unlock();
    EXPECT_EQ(rcu_read_lock_held(), 0);
  }).join();
}

TEST(Reader, R3_nesting_limit_in_another_domain) {
  reports seen;
  domain u("deep");
  for (int i = 0; i < 65536; ++i) gs_domain_read_lock(u.d);
  EXPECT_EQ(seen.count(GS_REPORT_NESTING_OVERFLOW), 1);
  for (int i = 0; i < 65536; ++i) gs_domain_read_unlock(u.d);
  EXPECT_EQ(gs_read_held(u.d), 0);
  gs_synchronize(u.d);
  EXPECT_EQ(seen.total(), 1u);
}

TEST(Reader, R5_unlock_without_lock_is_reported_and_has_no_effect) {
  reports seen;
  std::thread([] { rcu_read_unlock(); }).join();  // never registered
  EXPECT_EQ(seen.count(GS_REPORT_UNLOCK_WITHOUT_LOCK), 1);
  rcu_read_lock();
  rcu_read_unlock();
  rcu_read_unlock();
  EXPECT_EQ(seen.count(GS_REPORT_UNLOCK_WITHOUT_LOCK), 2);
  domain u;
  gs_domain_read_unlock(u.d);
  EXPECT_EQ(seen.count(GS_REPORT_UNLOCK_WITHOUT_LOCK), 3);
  rcu_read_lock();
  EXPECT_EQ(rcu_read_lock_held(), 1);
  rcu_read_unlock();
  synchronize_rcu();
  gs_synchronize(u.d);
  EXPECT_NE(seen.text(GS_REPORT_UNLOCK_WITHOUT_LOCK).find("#0"), std::string::npos)
      << "the place is missing";
}

TEST(Reader, R4_thread_that_ends_inside_is_reported_and_does_not_block) {
  reports seen;
  domain u("ended");
  std::thread([&] {
    rcu_read_lock();
    gs_domain_read_lock(u.d);
    gs_domain_read_lock(u.d);
  }).join();
  EXPECT_EQ(seen.count(GS_REPORT_THREAD_ENDED_IN_READER), 2);
  EXPECT_NE(seen.text(GS_REPORT_THREAD_ENDED_IN_READER).find("nesting 2"), std::string::npos);
  aside wait([&] {
    synchronize_rcu();
    gs_synchronize(u.d);
  });
  EXPECT_TRUE(wait.done_within(5000));
}

TEST(Reader, R4_slots_are_reused) {
  untouched_domain u;
  for (int i = 0; i < 500; ++i)
    std::thread([&] {
      rcu_read_lock();
      rcu_read_unlock();
      gs_domain_read_lock(u.d);
      gs_domain_read_unlock(u.d);
    }).join();
  EXPECT_EQ(stats_of(u.d).readers, 0u);
  unsigned chunks = 0;
  for (auto* c = u.record->chunks; c; c = c->next) ++chunks;
  EXPECT_EQ(chunks, 1u);
}

TEST(Reader, R4_thousand_threads) {
  gate inside, leave;
  std::atomic<int> count{0};
  std::vector<std::thread> all;
  for (int i = 0; i < 1000; ++i)
    all.emplace_back([&] {
      rcu_read_lock();
      if (++count == 1000) inside.open();
      leave.pass();
      rcu_read_unlock();
    });
  inside.pass();
  aside wait([] { synchronize_rcu(); });
  EXPECT_FALSE(wait.done_within(20));
  leave.open();
  for (auto& t : all) t.join();
  EXPECT_TRUE(wait.done_within(5000));
}

TEST(Reader, R3_overflow_reader_is_waited_for) {
  reports seen;
  untouched_domain u;
  std::atomic<bool> was_overflow{false};
  gate inside, leave;
  std::thread reader([&] {
    {
      fault no_memory(GS_FAULT_META);
      gs_domain_read_lock(u.d);
      gs_domain_read_lock(u.d);
    }
    was_overflow = graceslab::rcu::own_slot(u.record) == nullptr;
    EXPECT_EQ(gs_read_held(u.d), 2);
    gs_domain_read_unlock(u.d);
    inside.open();
    leave.pass();
    gs_domain_read_unlock(u.d);
    EXPECT_EQ(gs_read_held(u.d), 0);
    gs_domain_read_lock(u.d);  // memory is back: a real slot now
    EXPECT_NE(graceslab::rcu::own_slot(u.record), nullptr);
    gs_domain_read_unlock(u.d);
  });
  inside.pass();
  EXPECT_TRUE(was_overflow);
  aside wait([&] { gs_synchronize(u.d); });
  EXPECT_FALSE(wait.done_within(50));
  leave.open();
  EXPECT_TRUE(wait.done_within(5000));
  reader.join();
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
}

// Readers that overlap without a gap must not hold a grace period back.
TEST(Reader, R3_overflow_readers_that_overlap_let_grace_periods_through) {
  untouched_domain u;
  fault no_memory(GS_FAULT_META);
  std::atomic<bool> stop{false};
  std::atomic<int> inside{0}, overlapping{0};
  auto read = [&] {
    while (!stop) {
      gs_domain_read_lock(u.d);
      ++inside;
      std::this_thread::sleep_for(std::chrono::microseconds(300));
      overlapping += inside.load() > 1;
      --inside;
      gs_domain_read_unlock(u.d);
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) readers.emplace_back(read);
  EXPECT_TRUE(within(5000, [&] { return overlapping > 10; }));
  aside wait([&] {
    for (int i = 0; i < 20; ++i) gs_synchronize(u.d);
  });
  EXPECT_TRUE(wait.done_within(10'000));
  stop = true;
  for (auto& t : readers) t.join();
}

TEST(Reader, R3_more_domains_without_memory_than_are_tracked) {
  reports seen;
  untouched_domain all[12];
  gate inside, leave;
  std::thread reader([&] {
    {
      fault no_memory(GS_FAULT_META);
      for (auto& u : all) gs_domain_read_lock(u.d);
    }
    inside.open();
    leave.pass();
    for (auto& u : all) gs_domain_read_unlock(u.d);
  });
  inside.pass();
  for (int i : {0, 8, 11}) {
    const uint64_t cookie = gs_gp_start_poll(all[i].d);
    EXPECT_FALSE(gs_gp_poll(all[i].d, cookie)) << i;
  }
  leave.open();
  reader.join();
  for (auto& u : all) gs_synchronize(u.d);
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
}

TEST(Reader, R3_overflow_thread_that_ends_inside_is_reported) {
  reports seen;
  untouched_domain u;
  std::thread([&] {
    rcu_read_lock();
    rcu_read_unlock();  // has a record
    fault no_memory(GS_FAULT_META);
    gs_domain_read_lock(u.d);
  }).join();
  EXPECT_EQ(seen.count(GS_REPORT_THREAD_ENDED_IN_READER), 1);
  aside wait([&] { gs_synchronize(u.d); });
  EXPECT_TRUE(wait.done_within(5000));
}

TEST(Reader, R5_overflow_reader_may_synchronize_inside) {
  reports seen;
  untouched_domain u;
  gate both;
  std::atomic<int> inside{0};
  auto misuse = [&] {
    gs_domain_read_lock(u.d);
    if (++inside == 2) both.open();
    both.pass();
    gs_synchronize(u.d);
    gs_domain_read_unlock(u.d);
  };
  fault no_memory(GS_FAULT_META);
  aside one(misuse), two(misuse);
  EXPECT_TRUE(one.done_within(5000));
  EXPECT_TRUE(two.done_within(5000));
  EXPECT_EQ(seen.count(GS_REPORT_SYNCHRONIZE_IN_READER), 2);
}

// Readers without a slot overlap without a gap, others start grace periods, and two waits inside
// sections sit in either counter.
TEST(Reader, R5_overflow_waits_inside_are_not_starved) {
  reports seen;
  untouched_domain u;
  fault no_memory(GS_FAULT_META);
  std::atomic<bool> stop{false};
  std::atomic<int> sections{0};
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
    while (!stop) (void)gs_gp_poll(u.d, gs_gp_start_poll(u.d)), std::this_thread::yield();
  });
  EXPECT_TRUE(within(20'000, [&] { return sections > 10; }));
  auto misuse = [&] {
    for (int i = 0; i < 5; ++i) {
      gs_domain_read_lock(u.d);
      gs_synchronize(u.d);
      gs_domain_read_unlock(u.d);
    }
  };
  aside one(misuse), two(misuse);
  EXPECT_TRUE(one.done_within(20'000));
  EXPECT_TRUE(two.done_within(20'000));
  stop = true;
  for (auto& t : others) t.join();
}

TEST(Reader, R3_many_domains_in_one_thread) {
  std::vector<std::unique_ptr<domain>> all;
  for (int i = 0; i < 40; ++i) all.push_back(std::make_unique<domain>());
  for (int round = 0; round < 3; ++round)
    for (auto& u : all) gs_domain_read_lock(u->d);
  for (auto& u : all) EXPECT_EQ(gs_read_held(u->d), 3);
  EXPECT_TRUE(graceslab::rcu::in_any_reader());
  for (int round = 0; round < 3; ++round)
    for (auto& u : all) gs_domain_read_unlock(u->d);
  EXPECT_FALSE(graceslab::rcu::in_any_reader());
  for (auto& u : all) gs_synchronize(u->d);
}

TEST(Reader, R3_signal_handlers_may_read) {
  struct sigaction action = {}, before;
  static std::atomic<int> handled;
  action.sa_handler = [](int) {
    rcu_read_lock();
    ++handled;
    rcu_read_unlock();
  };
  sigaction(SIGUSR1, &action, &before);
  rcu_read_lock();
  rcu_read_unlock();
  const pthread_t self = pthread_self();
  std::thread sender([&] {
    for (int i = 0; i < 2000; ++i) pthread_kill(self, SIGUSR1);
  });
  for (int i = 0; i < 200'000; ++i) {
    rcu_read_lock();
    ASSERT_EQ(rcu_read_lock_held(), 1);
    rcu_read_unlock();
    ASSERT_EQ(rcu_read_lock_held(), 0);
  }
  sender.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_GT(handled.load(), 0);
}

TEST(Reader, R3_readers_keep_errno_and_need_no_registration) {
  std::thread([] {
    errno = 4711;
    rcu_read_lock();
    rcu_read_unlock();
    EXPECT_EQ(errno, 4711);
  }).join();
}

// A destructor that comes after the library's own may use readers again.
TEST(Reader, R4_reader_in_a_late_thread_destructor) {
  reports seen;
  static pthread_key_t key;
  pthread_key_create(&key, [](void* value) {
    static thread_local int again = 0;
    rcu_read_lock();
    rcu_read_unlock();
    if (again++ < 2) pthread_setspecific(key, value);
  });
  std::thread([] {
    pthread_setspecific(key, &key);
    rcu_read_lock();
    rcu_read_unlock();
  }).join();
  synchronize_rcu();
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
  pthread_key_delete(key);
}

TEST(ReaderAgain, DISABLED_fenced) {
  ASSERT_EQ(stats_of(nullptr).fence, GS_FENCE_READER);
  gs_reader* dummy = gs_tls.reader;
  reports seen;
  rcu_read_lock();
  rcu_read_lock();
  ASSERT_EQ(gs_tls.reader, dummy);
  ASSERT_EQ(rcu_read_lock_held(), 2);
  rcu_read_unlock();
  aside wait([] { synchronize_rcu(); });
  ASSERT_FALSE(wait.done_within(50));
  rcu_read_unlock();
  ASSERT_TRUE(wait.done_within(5000));
  rcu_read_unlock();
  ASSERT_EQ(seen.count(GS_REPORT_UNLOCK_WITHOUT_LOCK), 1);
}

TEST(Reader, R3_reader_fence_mode) {
  const outcome o = run_again("ReaderAgain.DISABLED_fenced", {"GRACESLAB_FENCE=reader"});
  EXPECT_EQ(o.status, 0) << o.errors;
}
