// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sections of no thread: begun in one, ended in another. R1, R3, R5, R10, I8, B8.
#include <sys/wait.h>

#include <graceslab/rcu.hpp>
#include <thread>

#include "observed.hpp"

using namespace observed;
using graceslab::rcu_token;

namespace {

bool ends_soon(gs_domain* d) {
  const uint64_t cookie = gs_gp_start_poll(d);
  return within(60'000, [&] { return gs_gp_poll(d, cookie) != 0; });
}

}  // namespace

TEST(Token, R1_is_waited_for_and_ends_in_another_thread) {
  reports seen;
  domain u;
  int token = -1;
  std::thread([&] { token = gs_domain_down_read(u.d); }).join();
  aside wait([&] { gs_synchronize(u.d); });
  EXPECT_FALSE(wait.done_within(50));
  std::thread([&] { gs_domain_up_read(u.d, token); }).join();
  EXPECT_TRUE(wait.done_within(60'000));
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
}

TEST(Token, R1_of_the_default_domain_moves) {
  reports seen;
  rcu_token first;
  rcu_token second(std::move(first));
  EXPECT_TRUE(first.empty());
  uint64_t cookie = 0;
  {
    rcu_token third;
    cookie = gs_gp_start_poll(nullptr);
    second = std::move(third);  // ends what the first one began
    EXPECT_TRUE(third.empty());
  }
  EXPECT_FALSE(second.empty());
  EXPECT_FALSE(gs_gp_poll(nullptr, cookie));  // the third one's section is older
  second.reset();
  second.reset();
  EXPECT_TRUE(second.empty());
  EXPECT_TRUE(within(60'000, [&] { return gs_gp_poll(nullptr, cookie) != 0; }));
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
}

// Those that came later hold nobody back, though there is always one.
TEST(Token, R10_tokens_that_overlap_let_grace_periods_through) {
  domain u;
  int token = gs_domain_down_read(u.d);
  for (int i = 0; i != 20; ++i) {
    const uint64_t cookie = gs_gp_start_poll(u.d);
    EXPECT_FALSE(gs_gp_poll(u.d, cookie));
    const int next = gs_domain_down_read(u.d);
    gs_domain_up_read(u.d, token);
    EXPECT_TRUE(within(60'000, [&] { return gs_gp_poll(u.d, cookie) != 0; })) << i;
    token = next;
  }
  gs_domain_up_read(u.d, token);
}

// And beside sections that are counted for want of memory, which are steered with them.
TEST(Token, R3_tokens_beside_counted_sections) {
  domain u;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i != 3; ++i)
    readers.emplace_back([&] {
      fault no_memory(GS_FAULT_META);
      while (!stop) {
        const int token = gs_domain_down_read(u.d);
        gs_domain_read_lock(u.d);
        gs_domain_up_read(u.d, token);
        const int next = gs_domain_down_read(u.d);
        gs_domain_read_unlock(u.d);
        gs_domain_up_read(u.d, next);
      }
    });
  for (int i = 0; i != 20; ++i) EXPECT_TRUE(ends_soon(u.d)) << i;
  stop = true;
  for (auto& t : readers) t.join();
}

// Who waits inside a section of its own waits for tokens, which are others'.
TEST(Token, R5_a_wait_inside_a_section_waits_for_tokens) {
  reports seen;
  domain u;
  const int token = gs_domain_down_read(u.d);
  aside wait([&] {
    gs_domain_read_lock(u.d);
    gs_synchronize(u.d);
    gs_domain_read_unlock(u.d);
  });
  EXPECT_FALSE(wait.done_within(50));
  gs_domain_up_read(u.d, token);
  EXPECT_TRUE(wait.done_within(60'000));
  EXPECT_EQ(seen.count(GS_REPORT_SYNCHRONIZE_IN_READER), 1) << seen.everything();
}

// Tokens overlap without a gap, others start grace periods, and whoever waits inside a section with
// a slot steers alone.
TEST(Token, R5_a_wait_inside_a_section_is_not_starved) {
  reports seen;
  domain u;
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int i = 0; i != 3; ++i)
    others.emplace_back([&] {
      while (!stop) {
        const int token = gs_domain_down_read(u.d);
        pause_ms(3);
        gs_domain_up_read(u.d, token);
      }
    });
  others.emplace_back([&] {
    while (!stop) (void)gs_gp_poll(u.d, gs_gp_start_poll(u.d)), std::this_thread::yield();
  });
  aside misuse([&] {
    for (int i = 0; i != 5; ++i) {
      gs_domain_read_lock(u.d);
      gs_synchronize(u.d);
      gs_domain_read_unlock(u.d);
    }
  });
  EXPECT_TRUE(misuse.done_within(60'000));
  stop = true;
  for (auto& t : others) t.join();
}

TEST(Token, R10_is_named_in_the_stall_report) {
  reports seen;
  gs_config_set("GRACESLAB_STALL_MS", "20");
  domain u;
  const int token = gs_domain_down_read(u.d);
  aside wait([&] { gs_synchronize(u.d); });
  EXPECT_TRUE(within(60'000, [&] {
    return seen.text(GS_REPORT_STALL).find("1 section of tokens, in whatever thread") !=
           std::string::npos;
  })) << seen.everything();
  gs_domain_up_read(u.d, token);
  EXPECT_TRUE(wait.done_within(60'000));
  gs_config_set("GRACESLAB_STALL_MS", "21000");
}

TEST(Token, B8_misuse_is_reported_and_has_no_effect) {
  reports seen;
  domain u;
  for (int token : {0, 1, 7}) gs_domain_up_read(u.d, token);
  EXPECT_EQ(seen.count(GS_REPORT_UNLOCK_WITHOUT_LOCK), 3) << seen.everything();
  gs_domain_up_read(u.d, -1);
  const int token = gs_domain_down_read(u.d);
  EXPECT_NE(gs_domain_destroy(u.d), 0);  // somebody is inside
  gs_domain_up_read(u.d, token);
  gs_domain* gone = std::exchange(u.d, nullptr);
  EXPECT_EQ(gs_domain_destroy(gone), 0);
  seen.forget();
  EXPECT_EQ(gs_domain_down_read(gone), -1);
  gs_domain_up_read(gone, token);
  EXPECT_EQ(seen.count(GS_REPORT_STALE_HANDLE), 2) << seen.everything();
}

// What the thread that forks has is still protected there, and ends there.
TEST(Token, I8_stays_valid_in_a_forked_child) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the child of a process with threads, which it does not follow";
#endif
  domain u;
  const int token = gs_domain_down_read(u.d);
  const pid_t child = fork();
  if (child == 0) {
    const uint64_t cookie = gs_gp_start_poll(u.d);
    if (gs_gp_poll(u.d, cookie)) _exit(1);
    gs_domain_up_read(u.d, token);
    gs_synchronize(u.d);
    _exit(gs_gp_poll(u.d, cookie) ? 0 : 2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  gs_domain_up_read(u.d, token);
  gs_synchronize(u.d);
}
