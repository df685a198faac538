// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B6: no lock is held while a large run comes from the system or goes back to it. A thread is held
// up inside its system call (seccomp asks us, and we take our time); others must get along.
#include <fcntl.h>
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace {

constexpr std::size_t run_bytes = std::size_t{300} << 10;
constexpr int patience_ms = 60'000;  // only a test that fails waits for so long

// Of the calling thread: `number` waits until the descriptor's owner says so. -1: not to be had.
int hold_up(unsigned number) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {4, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

bool somebody_waits(int listener, seccomp_notif* who) {
  pollfd ready = {listener, POLLIN, 0};
  *who = {};
  return poll(&ready, 1, patience_ms) == 1 && ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, who) == 0;
}

void let_go_on(int listener, const seccomp_notif& who) {
  seccomp_notif_resp answer = {};
  answer.id = who.id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

bool use_runs() {
  void* run = kmalloc(run_bytes, GFP_KERNEL);
  const bool found = run != nullptr && ksize(run) >= run_bytes;
  kfree(run);
  return found;
}

TEST(LargeLock, B6_no_large_run_waits_for_another_ones_system_call) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer gives its own memory back, under locks of its own";
#endif
  ASSERT_TRUE(use_runs());
  void* run = kmalloc(run_bytes, GFP_KERNEL);
  ASSERT_NE(run, nullptr);
  std::atomic<int> listener{-2};
  std::thread held_up([&] {
    listener = hold_up(SYS_madvise);
    if (listener >= 0) kfree(run);
  });
  while (listener == -2) std::this_thread::yield();
  if (listener < 0) {
    held_up.join();
    kfree(run);
    GTEST_SKIP() << "system calls cannot be held up here";
  }
  seccomp_notif who;
  EXPECT_TRUE(somebody_waits(listener, &who));
  int done[2];
  ASSERT_EQ(pipe2(done, O_CLOEXEC), 0);
  std::thread other([&] {
    EXPECT_TRUE(use_runs());
    EXPECT_EQ(write(done[1], "", 1), 1);
  });
  pollfd finished = {done[0], POLLIN, 0};
  EXPECT_EQ(poll(&finished, 1, patience_ms), 1) << "waits for the lock of a thread in madvise()";
  let_go_on(listener, who);
  other.join();
  close(listener);  // the call with which a thread gives its stack back is then refused
  held_up.join();
  close(done[0]);
  close(done[1]);
}

}  // namespace
