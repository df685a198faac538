// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A thread is held up inside its system call (seccomp asks us, and we take our time); others must
// get along.
#pragma once
#include <fcntl.h>
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

namespace held_up {

inline constexpr int patience_ms = 60'000;  // only a test that fails waits for so long

// Of the calling thread: `number` waits until the descriptor's owner says so. -1: not to be had.
inline int hold_up(unsigned number) {
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

inline bool somebody_waits(int listener, seccomp_notif* who) {
  pollfd ready = {listener, POLLIN, 0};
  *who = {};
  return poll(&ready, 1, patience_ms) == 1 && ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, who) == 0;
}

inline void let_go_on(int listener, const seccomp_notif& who) {
  seccomp_notif_resp answer = {};
  answer.id = who.id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

// `first` comes to the system call `number`, in a thread of its own, and stays there until `other`
// has ended in another one. Afterwards that call is refused to the first. False: not to be had
// here, and `first` did not run.
template <class First, class Other>
bool beside_held_up(unsigned number, First first, Other other) {
  std::atomic<int> listener{-2};
  std::thread held([&] {
    listener = hold_up(number);
    if (listener >= 0) first();
  });
  while (listener == -2) std::this_thread::yield();
  if (listener < 0) return held.join(), false;
  seccomp_notif who;
  EXPECT_TRUE(somebody_waits(listener, &who)) << "system call " << number << " was not made";
  int done[2];
  EXPECT_EQ(pipe2(done, O_CLOEXEC), 0);
  std::thread beside([&] {
    other();
    EXPECT_EQ(write(done[1], "", 1), 1);
  });
  pollfd finished = {done[0], POLLIN, 0};
  EXPECT_EQ(poll(&finished, 1, patience_ms), 1) << "waits for a thread in a system call";
  let_go_on(listener, who);
  close(listener);  // what waits for the thread that is held up goes on, too
  beside.join();
  held.join();
  close(done[0]);
  close(done[1]);
  return true;
}

}  // namespace held_up
