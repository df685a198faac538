// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Handlers at the C library's, and forks beside them. Contract I8.
#include "os/module.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

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

TEST(Module, I8_a_fork_while_another_thread_adds_handlers) {
  std::atomic<bool> stop{false};
  std::atomic<unsigned> added{0};
  std::thread other([&] {
    while (!stop) added += add();
  });
  int status = 0;
  for (int i = 0; i < 30 && status == 0; ++i) {
    for (const unsigned before = added; added == before;) std::this_thread::yield();
    status = in_a_child();
  }
  stop = true;
  other.join();
  EXPECT_EQ(status, 0);
}

}  // namespace
