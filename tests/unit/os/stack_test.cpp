// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/stack.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <time.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/thread.hpp"

namespace {

using namespace graceslab;

// Test programs export no symbols, so functions are recognised by address range: from their own
// start to a few KiB on.
bool passes_through(const os::stack& s, const void* function) {
  for (unsigned i = 0; i < s.depth; ++i) {
    const auto offset = static_cast<const char*>(s.frame[i]) - static_cast<const char*>(function);
    if (offset > 0 && offset < 4096) return true;
  }
  return false;
}

[[gnu::noinline]] os::stack known_function() {
  os::stack s = os::capture_stack(0);
  __asm__ volatile("" ::: "memory");  // keeps the call from becoming a jump
  return s;
}

TEST(Stack, CaptureShowsTheCaller) {
  const os::stack s = known_function();
  ASSERT_GE(s.depth, 2u);
  EXPECT_TRUE(passes_through(s, reinterpret_cast<const void*>(&known_function)));
}

TEST(Stack, DescribesSymbolAndModule) {
  char text[256];
  os::describe_address(reinterpret_cast<const char*>(&lfind) + 1, text, sizeof text);
  EXPECT_NE(std::string(text).find("lfind"), std::string::npos) << text;
  EXPECT_NE(std::string(text).find("(libc"), std::string::npos) << text;
  EXPECT_GT(os::describe_address(reinterpret_cast<const void*>(0x10), text, sizeof text), 0u);
  EXPECT_STREQ(text, "0x10");
  EXPECT_EQ(os::describe_address(reinterpret_cast<const void*>(0x10), text, 3), 2u);
  EXPECT_STREQ(text, "0x");
}

TEST(Stack, LinesAreNumbered) {
  char text[4096];
  os::describe_stack(known_function(), text, sizeof text);
  EXPECT_EQ(std::string(text).rfind("\n    #0 ", 0), 0u) << text;
  EXPECT_NE(std::string(text).find("\n    #1 "), std::string::npos) << text;
}

TEST(Stack, IdsAreSharedAndDescribed) {
  const os::stack s = known_function();
  const auto id = os::stack_id(s);
  ASSERT_NE(id, 0u);
  EXPECT_EQ(os::stack_id(s), id);
  os::stack other = s;
  other.frame[0] = reinterpret_cast<void*>(0x1234);
  EXPECT_NE(os::stack_id(other), id);
  char by_id[4096], direct[4096];
  os::describe_stack_id(id, by_id, sizeof by_id);
  os::describe_stack(s, direct, sizeof direct);
  EXPECT_STREQ(by_id, direct);
  EXPECT_EQ(os::stack_id(os::stack{}), 0u);
  EXPECT_EQ(os::describe_stack_id(0, by_id, sizeof by_id), 0u);
  EXPECT_EQ(os::describe_stack_id(1'000'000, by_id, sizeof by_id), 0u);
}

TEST(Stack, UnloadingForgetsNamesButKeepsOldIds) {
  const os::stack s = known_function();
  const auto before = os::stack_id(s);
  os::forget_stack_names(reinterpret_cast<const void*>(&known_function));
  EXPECT_NE(os::stack_id(s), before);
  char text[4096];
  EXPECT_GT(os::describe_stack_id(before, text, sizeof text), 0u);
}

TEST(Stack, ThreadsAgreeOnIds) {
  constexpr unsigned stacks = 500, threads = 4;
  std::vector<std::vector<std::uint32_t>> ids(threads, std::vector<std::uint32_t>(stacks));
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t)
    running.emplace_back([&ids, t] {
      for (unsigned i = 0; i < stacks; ++i) {
        os::stack s;
        s.depth = 2;
        s.frame[0] = reinterpret_cast<void*>(0x10000 + 16ul * i);
        s.frame[1] = reinterpret_cast<void*>(0x20000);
        ids[t][i] = os::stack_id(s);
      }
    });
  for (auto& thread : running) thread.join();
  for (unsigned t = 1; t < threads; ++t) EXPECT_EQ(ids[t], ids[0]);
}

std::uint32_t asked_tid, asked_stop;

[[gnu::noinline]] void run_here() {
  gs_store_release(&asked_tid, os::tid());
  while (!gs_load_acquire(&asked_stop)) gs_cpu_relax();
  __asm__ volatile("" ::: "memory");
}
[[gnu::noinline]] void sleep_here() {
  gs_store_release(&asked_tid, os::tid());
  while (!gs_load_acquire(&asked_stop)) os::sleep_us(200);
  __asm__ volatile("" ::: "memory");
}

struct asked_thread {
  explicit asked_thread(void (*run)()) : thread((asked_tid = asked_stop = 0, run)) {
    while (gs_load_acquire(&asked_tid) == 0) os::yield();
  }
  ~asked_thread() {
    gs_store_release(&asked_stop, 1u);
    thread.join();
  }
  std::thread thread;
};

bool in_time(bool (*met)()) {
  for (int i = 0; i < 10'000; ++i) {
    if (met()) return true;
    os::sleep_us(1000);
  }
  return false;
}

#if !defined(__SANITIZE_THREAD__)  // which delays signals
TEST(Stack, R10_of_a_thread_that_runs) {
  asked_thread busy(run_here);
  EXPECT_TRUE(in_time([] {
    return passes_through(os::look_at_thread(asked_tid).frames,
                          reinterpret_cast<const void*>(&run_here));
  }));
}
#endif

TEST(Stack, R10_G2_of_a_thread_that_sleeps_without_a_signal) {
  asked_thread sleeper(sleep_here);
  EXPECT_TRUE(in_time([] {
    const os::thread_stack s = os::look_at_thread(asked_tid);
    return s.blocked && s.call >= 0 &&
           passes_through(s.frames, reinterpret_cast<const void*>(&sleep_here));
  }));
  char text[4096];
  EXPECT_TRUE(in_time([] {
    char words[4096];
    os::describe_thread(asked_tid, words, sizeof words);
    return std::string(words).find("blocked in system call ") != std::string::npos;
  }));
  EXPECT_EQ(os::describe_thread(4'000'000, text, sizeof text), 0u);
}

// Each of these ends with EINTR when a handler runs, whatever SA_RESTART says.
TEST(Stack, G2_no_wait_of_the_program_is_broken) {
  static int broken;
  broken = 0;
  asked_thread waits(+[] {
    gs_store_release(&asked_tid, os::tid());
    while (!gs_load_acquire(&asked_stop)) {
      const timespec nap = {0, 30'000'000};
      if (nanosleep(&nap, nullptr) != 0) ++broken;
      if (poll(nullptr, 0, 30) != 0) ++broken;
    }
  });
  unsigned blocked = 0;
  for (int looks = 0; blocked < 100 && looks < 100'000; ++looks)
    os::look_at_thread(asked_tid).blocked ? (void)++blocked : os::sleep_us(100);
  EXPECT_GE(blocked, 100u);
  // One that runs may block just when the signal is on its way.
  EXPECT_LE(broken, 5);
}

TEST(Stack, G2_a_thread_that_blocks_the_signal_gets_none) {
  asked_thread deaf(+[] {
    sigset_t all, pending;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    run_here();
    sigpending(&pending);
    EXPECT_EQ(sigismember(&pending, SIGRTMIN + 5), 0);
  });
  EXPECT_EQ(os::look_at_thread(asked_tid).frames.depth, 0u);
}

// A program that resets its signals between two questions would be killed by the second.
TEST(Stack, G2_a_reset_signal_is_taken_again_before_it_is_sent) {
  asked_thread busy(run_here);
  for (int i = 0; i < 3; ++i) {
    (void)os::look_at_thread(asked_tid);
    signal(SIGRTMIN + 5, SIG_DFL);
  }
  // Sent, and so taken, only while that thread has a core between two looks.
  EXPECT_TRUE(in_time([] {
    (void)os::look_at_thread(asked_tid);
    struct sigaction now {};
    return sigaction(SIGRTMIN + 5, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0;
  }));
}

TEST(Stack, SignalOfTheProgramIsLeftAlone) {
  const int theirs = SIGRTMIN + 7;
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(theirs, &action, nullptr), 0);
  ASSERT_EQ(gs_config_set("GRACESLAB_STACK_SIGNAL", std::to_string(theirs).c_str()), 0);
  asked_thread busy(run_here);
  EXPECT_EQ(os::look_at_thread(asked_tid).frames.depth, 0u);
  ASSERT_EQ(gs_config_set("GRACESLAB_STACK_SIGNAL", "0"), 0);
  EXPECT_EQ(os::look_at_thread(asked_tid).frames.depth, 0u);
  ASSERT_EQ(gs_config_set("GRACESLAB_STACK_SIGNAL", "39"), 0);
  struct sigaction now {};
  ASSERT_EQ(sigaction(theirs, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, action.sa_handler);
}

TEST(Stack, OfMyself) {
  os::stack s;
  EXPECT_TRUE(os::stack_of_thread(os::tid(), &s));
}

}  // namespace
