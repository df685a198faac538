// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/stack.hpp"

#include <gtest/gtest.h>
#include <search.h>
#include <signal.h>

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
  os::forget_stack_names();
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

std::uint32_t spinner_tid, spinner_stop;

[[gnu::noinline]] void spin_here() {
  gs_store_release(&spinner_tid, os::tid());
  while (!gs_load_acquire(&spinner_stop)) os::sleep_us(200);
}

TEST(Stack, OfAnotherThread) {
  spinner_tid = spinner_stop = 0;
  std::thread spinner(spin_here);
  while (gs_load_acquire(&spinner_tid) == 0) os::yield();
  for (int i = 0; i < 20; ++i) {
    os::stack s;
    ASSERT_TRUE(os::stack_of_thread(spinner_tid, &s));
    EXPECT_TRUE(passes_through(s, reinterpret_cast<const void*>(&spin_here)));
  }
  gs_store_release(&spinner_stop, 1u);
  spinner.join();
}

TEST(Stack, OfAThreadThatDoesNotAnswer) {
  spinner_tid = spinner_stop = 0;
  std::thread deaf([] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    spin_here();
    sigemptyset(&all);  // the late signal arrives here and must harm nobody
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
  });
  while (gs_load_acquire(&spinner_tid) == 0) os::yield();
  const auto start = os::now_ns();
  os::stack s;
  EXPECT_FALSE(os::stack_of_thread(spinner_tid, &s));
  EXPECT_LT(os::now_ns() - start, 2'000'000'000u);
  gs_store_release(&spinner_stop, 1u);
  deaf.join();
  EXPECT_FALSE(os::stack_of_thread(4'000'000, &s));
}

TEST(Stack, SignalOfTheProgramIsLeftAlone) {
  const int theirs = SIGRTMIN + 7;
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(theirs, &action, nullptr), 0);
  ASSERT_EQ(gs_config_set("GRACESLAB_STACK_SIGNAL", std::to_string(theirs).c_str()), 0);
  std::thread sleeper([] { os::sleep_us(300'000); });
  os::stack s;
  EXPECT_FALSE(os::stack_of_thread(os::tid() + 1, &s));
  ASSERT_EQ(gs_config_set("GRACESLAB_STACK_SIGNAL", "0"), 0);
  EXPECT_FALSE(os::stack_of_thread(os::tid() + 1, &s));
  ASSERT_EQ(gs_config_set("GRACESLAB_STACK_SIGNAL", "39"), 0);
  sleeper.join();
  struct sigaction now {};
  ASSERT_EQ(sigaction(theirs, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, action.sa_handler);
}

TEST(Stack, OfMyself) {
  os::stack s;
  ASSERT_TRUE(os::stack_of_thread(os::tid(), &s));
  EXPECT_GE(s.depth, 1u);
}

}  // namespace
