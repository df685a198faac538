// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The library's own threads end when there is nothing to do, and begin again when there is.
#include <errno.h>
#include <graceslab/kernel/slab.h>
#include <sched.h>
#include <sys/syscall.h>

#include <filesystem>
#include <fstream>

#include "observed.hpp"

namespace {

using namespace observed;

int helpers(const char* name = "gs-") {
  int found = 0;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    std::string comm;
    std::getline(std::ifstream(task.path() / "comm"), comm);
    found += comm.rfind(name, 0) == 0;
  }
  return found;
}

struct idle {
  explicit idle(const char* ms) { gs_config_set("GRACESLAB_HELPER_IDLE_MS", ms); }
  ~idle() { gs_config_set("GRACESLAB_HELPER_IDLE_MS", "2000"); }
};

TEST(Helper, G1_R10_workers_end_when_idle_and_begin_again) {
  idle soon("5");
  std::atomic<int> n{0};
  for (int round = 1; round <= 5; ++round) {
    counted c{{}, &n};
    call_rcu(&c.head, count_one);
    EXPECT_TRUE(within(60'000, [&] { return n == round; }));  // nobody waits for it
    EXPECT_TRUE(within(60'000, [] { return helpers() == 0; }));
  }
}

// Several exist once a callback was overtaken.
TEST(Helper, G1_R7_those_that_stand_by_end_too) {
  idle soon("5");
  gate inside, leave;
  std::atomic<int> n{0};
  task slow{{}, [&] {
              inside.open();
              leave.pass();
            }};
  call_rcu_hurry(&slow.head, task::run);
  inside.pass();
  counted c{{}, &n};
  call_rcu_hurry(&c.head, count_one);
  EXPECT_TRUE(within(60'000, [&] { return n == 1; }));
  EXPECT_GE(helpers("gs-callback"), 2);
  leave.open();
  rcu_barrier();
  EXPECT_TRUE(within(60'000, [] { return helpers() == 0; }));
}

TEST(Helper, G1_K3_the_background_thread_ends_when_idle_and_begins_again) {
  idle soon("5");
  kmem_cache* s = kmem_cache_create("helped", 64, 0, 0, nullptr);
  for (int round = 1; round <= 3; ++round) {
    gs_cache_retire(s, kmem_cache_alloc(s, GFP_KERNEL));
    const auto reclaimed = [&] {  // by nobody else
      gs_cache_stats stats;
      gs_cache_read_stats(s, &stats);
      return stats.retired == stats.reclaimed;
    };
    EXPECT_TRUE(within(60'000, reclaimed));
    EXPECT_TRUE(within(60'000, [] { return helpers() == 0; }));
  }
  kmem_cache_destroy(s);
}

// Posts come just when workers end.
TEST(Helper, G1_R6_no_callback_is_left_by_a_worker_that_ends) {
  idle soon("1");
  std::atomic<int> ran{0};
  constexpr int posters = 3, posts = 150;
  std::vector<std::thread> threads;
  for (int i = 0; i != posters; ++i)
    threads.emplace_back([&, i] {
      for (int post = 0; post != posts; ++post) {
        std::atomic<int> n{0};
        counted c{{}, &n};
        call_rcu_hurry(&c.head, count_one);
        if (within(60'000, [&] { return n == 1; })) ++ran;
        std::this_thread::sleep_for(std::chrono::microseconds((post * 7 + i * 211) % 1500));
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(ran, posters * posts);
}

// In processes of their own, which have no other thread.
TEST(HelperAgain, DISABLED_main_ends) {
  std::atomic<int> n{0};
  static counted c;
  c.counter = &n;
  call_rcu(&c.head, count_one);
  rcu_barrier();
  // As pthread_exit(), which the test's frame would not let through: the last thread to end ends
  // the process.
  syscall(SYS_exit, 0);
}

TEST(Helper, G1_I8_a_process_whose_main_thread_has_ended_ends) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has a thread of its own";
#endif
  const outcome o = run_again("HelperAgain.DISABLED_main_ends", {"GRACESLAB_HELPER_IDLE_MS=10"});
  EXPECT_EQ(o.status, 0) << o.errors;
  EXPECT_EQ(o.errors.find("FAILED"), std::string::npos) << o.errors;
}

TEST(HelperAgain, DISABLED_alone) {
  std::atomic<int> n{0};
  counted c{{}, &n};
  call_rcu(&c.head, count_one);
  rcu_barrier();
  ASSERT_TRUE(within(60'000, [] { return helpers() == 0; }));
  // EINVAL: another thread exists, if only as one that ends.
  ASSERT_TRUE(within(60'000, [] { return unshare(CLONE_NEWUSER) == 0 || errno != EINVAL; }));
  call_rcu(&c.head, count_one);
  rcu_barrier();
  ASSERT_EQ(n, 2);
}

TEST(Helper, G1_a_process_that_is_idle_may_unshare_its_users) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer has a thread of its own";
#endif
  const outcome o = run_again("HelperAgain.DISABLED_alone", {"GRACESLAB_HELPER_IDLE_MS=10"});
  EXPECT_EQ(o.status, 0) << o.errors;
}

}  // namespace
