// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Handlers at the C library's, and forks beside them. Contract I8.
#include "os/module.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "os/midway.hpp"

namespace os = graceslab::os;

namespace {

char unloaded;  // stands for a shared object that never goes
bool add() {
  return os::on_unload(&unloaded, [](void*) {});
}

// 0: the child could add a handler. A child that waits for ever is ended by its alarm.
int in_a_child() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(add() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

// The first status that is not 0.
int beside_added_handlers(int (*fork_once)()) {
  std::atomic<bool> stop{false};
  std::atomic<unsigned> added{0};
  std::thread other([&] {
    while (!stop) added += add();
  });
  int status = 0;
  for (int i = 0; i < 30 && status == 0; ++i) {
    for (const unsigned before = added; added == before;) std::this_thread::yield();
    status = fork_once();
  }
  stop = true;
  other.join();
  return status;
}

TEST(Module, I8_a_fork_while_another_thread_adds_handlers) {
  EXPECT_EQ(beside_added_handlers(in_a_child), 0);
}

// The C library's lock is a matter of other threads, whatever this one was in the middle of.
int in_a_child_of_a_handler() {
  os::midway_scope interrupted;
  return in_a_child();
}

TEST(Module, G6_I8_a_fork_in_the_middle_of_something_waits_for_handlers_too) {
  EXPECT_EQ(beside_added_handlers(in_a_child_of_a_handler), 0);
}

}  // namespace
