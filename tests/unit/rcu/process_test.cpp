// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I8: fork and process exit.
#include <sys/mman.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "observed.hpp"
#include "os/config.hpp"

using namespace observed;

namespace {

// Counters that parent and child share.
struct shared_counts {
  std::atomic<int> runs[64];
};
shared_counts* shared() {
  return new (mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
      shared_counts{};
}

#if defined(__SANITIZE_THREAD__)
#define SKIP_IF_THREADS_AFTER_FORK_ARE_REFUSED \
  GTEST_SKIP() << "the sanitizer refuses threads after a fork"
#else
#define SKIP_IF_THREADS_AFTER_FORK_ARE_REFUSED
#endif

int child_status(pid_t child) {
  int status = -1;
  for (int i = 0; i < 1000; ++i) {
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    pause_ms(10);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return -1000;
}

}  // namespace

TEST(Fork, I8_queued_callbacks_run_once_in_each) {
  SKIP_IF_THREADS_AFTER_FORK_ARE_REFUSED;
  auto* counts = shared();
  std::vector<task> all(40);
  held_reader reader;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].what = [counts, i] { ++counts->runs[i]; };
    call_rcu(&all[i].head, task::run);
  }
  const pid_t child = fork();
  if (child == 0) {
    rcu_barrier();  // the held reader did not survive
    _exit(0);
  }
  EXPECT_EQ(child_status(child), 0);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(counts->runs[i], 1) << i;
  reader.leave();
  rcu_barrier();
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(counts->runs[i], 2) << i;
}

TEST(Fork, I8_worker_starts_anew_in_the_child) {
  SKIP_IF_THREADS_AFTER_FORK_ARE_REFUSED;
  auto* counts = shared();
  std::vector<task> all(2);
  for (auto& t : all) t.what = [counts] { ++counts->runs[0]; };
  call_rcu(&all[0].head, task::run);
  rcu_barrier();
  const pid_t child = fork();
  if (child == 0) {
    call_rcu(&all[1].head, task::run);
    _exit(within(5000, [&] { return counts->runs[0] == 2; }) ? 0 : 1);
  }
  EXPECT_EQ(child_status(child), 0);
}

// The parent's array still takes callbacks in when it forks: nobody has sealed it, nor will in the
// child.
TEST(Fork, I8_worker_starts_anew_though_the_parent_has_callbacks_queued) {
  SKIP_IF_THREADS_AFTER_FORK_ARE_REFUSED;
  gs_clock_virtual(1);  // so nothing grows old before the fork
  std::atomic<int> n{0};
  auto all = many(2, &n);
  call_rcu(&all[0].head, count_one);
  const pid_t child = fork();
  gs_clock_virtual(0);
  if (child == 0) {
    call_rcu(&all[1].head, count_one);
    _exit(within(20'000, [&] { return n == 2; }) ? 0 : 1);
  }
  EXPECT_EQ(child_status(child), 0);
  rcu_barrier();
  EXPECT_EQ(n.load(), 1);
}

TEST(Fork, I8_callback_running_at_fork_runs_only_in_the_parent) {
  SKIP_IF_THREADS_AFTER_FORK_ARE_REFUSED;
  auto* counts = shared();
  gate inside, leave;
  task slow{{}, [&] {
              inside.open();
              leave.pass();
              ++counts->runs[0];
            }};
  call_rcu_hurry(&slow.head, task::run);
  inside.pass();
  const pid_t child = fork();
  if (child == 0) {
    rcu_barrier();  // does not wait for it either
    static task later{{}, [counts] { ++counts->runs[1]; }};
    call_rcu(&later.head, task::run);
    rcu_barrier();  // nor does one that has something to wait for
    _exit(counts->runs[0]);
  }
  EXPECT_EQ(child_status(child), 0);
  EXPECT_EQ(counts->runs[1], 1);
  leave.open();
  rcu_barrier();
  EXPECT_EQ(counts->runs[0], 1);
}

TEST(Fork, I8_readers_of_other_threads_are_reset_and_own_section_survives) {
  held_reader reader;
  domain u("forked");
  held_reader other(u.d);
  rcu_read_lock();
  const pid_t child = fork();
  if (child == 0) {
    if (rcu_read_lock_held() != 1) _exit(2);
    rcu_read_unlock();
    synchronize_rcu();
    gs_synchronize(u.d);
    _exit(0);
  }
  rcu_read_unlock();
  EXPECT_EQ(child_status(child), 0);
}

TEST(Fork, I8_overflow_readers_are_reset) {
  domain u("forked without memory");
  gate inside, leave;
  std::thread reader([&] {
    {
      fault no_memory(GS_FAULT_META);
      gs_domain_read_lock(u.d);
    }
    inside.open();
    leave.pass();
    gs_domain_read_unlock(u.d);
  });
  inside.pass();
  const pid_t child = fork();
  if (child == 0) {
    gs_synchronize(u.d);
    _exit(0);
  }
  EXPECT_EQ(child_status(child), 0);
  leave.open();
  reader.join();
}

// The only worker forks, while nothing else happens: where a thread is being started meanwhile, a
// lock of AddressSanitizer's heap (GCC 12) may be held, for good in the child, whose own worker
// then waits for it.
TEST(Fork, I8_fork_inside_a_callback) {
  SKIP_IF_THREADS_AFTER_FORK_ARE_REFUSED;
  const auto workers = std::exchange(graceslab::os::settings.callback_workers, 1);
  auto* counts = shared();
  std::atomic<int> status{-5};
  std::atomic<bool> quiet{false};
  task forks{{}, [&] {
               while (!quiet) pause_ms(1);
               const pid_t child = fork();
               if (child == 0) {
                 std::atomic<int> n{0};
                 static task inner;
                 inner.what = [&] { ++n; };
                 call_rcu(&inner.head, task::run);
                 _exit(within(5000, [&] { return n == 1; }) ? 0 : 3);
               }
               status = child_status(child);
               ++counts->runs[0];
             }};
  call_rcu_hurry(&forks.head, task::run);
  EXPECT_TRUE(within(15'000, [&] {
    quiet = true;  // from here on this thread only sleeps and looks
    return counts->runs[0] == 1;
  }));
  EXPECT_EQ(status.load(), 0);
  rcu_barrier();
  graceslab::os::settings.callback_workers = workers;
}

// Heads of its own for every poster, not from the heap: a sanitizer's heap has locks that a fork
// leaves held in the child when another thread had them (ThreadSanitizer of GCC 12, the lists of
// its DenseSlabAlloc), and there the first delete of a callback would wait for ever.
struct posting_thread {
  struct head {
    rcu_head queued;
    std::atomic<bool> in_use;
  };
  head heads[1000];

  static bool is_used(const head& h) { return h.in_use; }
  void post_all(const std::atomic<bool>& stop) {
    for (std::size_t i = 0; !stop; i = (i + 1) % std::size(heads)) {
      if (heads[i].in_use.exchange(true)) {
        std::this_thread::yield();
        continue;
      }
      call_rcu(&heads[i].queued,
               [](rcu_head* h) { reinterpret_cast<head*>(h)->in_use.store(false); });
      rcu_read_lock();
      rcu_read_unlock();
    }
  }
};

TEST(Fork, I8_forks_while_everything_moves) {
  SKIP_IF_THREADS_AFTER_FORK_ARE_REFUSED;
  static posting_thread posters[2];
  std::atomic<bool> stop{false};
  std::vector<std::thread> all;
  for (posting_thread& p : posters) all.emplace_back([&] { p.post_all(stop); });
  all.emplace_back([&] {
    while (!stop) rcu_barrier();
  });
  all.emplace_back([&] {
    while (!stop) synchronize_rcu();
  });
  int status = 0;
  for (int i = 0; i < 20 && status == 0; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      rcu_barrier();
      synchronize_rcu();
      // Those that were just being posted or run by the other threads stay what they were.
      std::ptrdiff_t left = 0;
      for (const posting_thread& p : posters)
        left += std::ranges::count_if(p.heads, &posting_thread::is_used);
      if (left > 32) _exit(1);
      _exit(0);
    }
    status = child_status(child);
  }
  EXPECT_EQ(status, 0);
  stop = true;
  for (auto& t : all) t.join();
  rcu_barrier();
}

// ---- exit: these run in a process of their own ----

TEST(ExitAgain, DISABLED_drains) {
  static task t{{}, [] { fprintf(stderr, "drained it\n"); }};
  call_rcu(&t.head, task::run);
  exit(0);
}

TEST(ExitAgain, DISABLED_stuck) {
  static task t{{}, [] { fprintf(stderr, "ran\n"); }};
  std::thread([] {
    rcu_read_lock();
    for (;;) ::pause();
  }).detach();
  pause_ms(20);
  call_rcu(&t.head, task::run);
  exit(0);
}

TEST(ExitAgain, DISABLED_in_callback) {
  static task t{{}, [] { exit(0); }};
  call_rcu(&t.head, task::run);
  rcu_barrier();
}

TEST(ExitAgain, DISABLED_inside_a_reader) {
  static task t{{}, [] {}};
  rcu_read_lock();
  call_rcu(&t.head, task::run);
  exit(0);
}

TEST(Exit, I8_drain_is_the_default) {
  const outcome o = run_again("ExitAgain.DISABLED_drains", {"GRACESLAB_RETIRE_AGE_MS=5000"});
  EXPECT_EQ(o.status, 0);
  EXPECT_NE(o.errors.find("drained it"), std::string::npos) << o.errors;
}

TEST(Exit, I8_leave_runs_nothing) {
  const outcome o = run_again("ExitAgain.DISABLED_drains",
                              {"GRACESLAB_RETIRE_AGE_MS=5000", "GRACESLAB_EXIT=leave"});
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.errors.find("drained it"), std::string::npos) << o.errors;
}

TEST(Exit, I8_deadline_and_report) {
  const auto start = std::chrono::steady_clock::now();
  const outcome o =
      run_again("ExitAgain.DISABLED_stuck", {"GRACESLAB_EXIT_MS=100", "GRACESLAB_TEST_NO_POST=1"});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_EQ(o.status, 0);
  EXPECT_NE(o.errors.find("exits with 1 callbacks"), std::string::npos) << o.errors;
  EXPECT_NE(o.errors.find("held back by thread"), std::string::npos) << o.errors;
}

TEST(Exit, I8_exit_inside_a_callback_does_not_wait_for_itself) {
  const auto start = std::chrono::steady_clock::now();
  const outcome o = run_again("ExitAgain.DISABLED_in_callback", {"GRACESLAB_EXIT_MS=100000"});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_EQ(o.status, 0) << o.errors;
}

TEST(Exit, I8_exit_inside_a_reader_reports_and_goes) {
  const outcome o = run_again("ExitAgain.DISABLED_inside_a_reader", {"GRACESLAB_TEST_NO_POST=1"});
  EXPECT_EQ(o.status, 0) << o.errors;
  EXPECT_NE(o.errors.find("exits with 1 callbacks"), std::string::npos) << o.errors;
}
