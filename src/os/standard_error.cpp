// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// System calls all the way: poll(), write() and sigtimedwait() are cancellation points, and reports
// come out of functions that must not be one.
#include "os/standard_error.hpp"

#include <errno.h>
#include <graceslab/detail/atomic.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <initializer_list>

#include "os/keep_errno.hpp"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

namespace graceslab::os {
namespace {

constexpr std::size_t kernel_sigset_bytes = 8;

// Written at the start, and where a program adopts another one. All atomic.
enum : std::uint32_t { unseen, open, closed };
std::uint32_t state;
std::uint64_t device, inode;  // while it is open

// The file's type, or 0 when it is not the one that was adopted.
mode_t right_file() noexcept {
  if (gs_load_relaxed(&state) == unseen) adopt_standard_error();  // before the constructors
  struct stat now {};
  if (gs_load_relaxed(&state) != open || fstat(STDERR_FILENO, &now) != 0) return 0;
  const bool same = now.st_dev == gs_load_relaxed(&device) && now.st_ino == gs_load_relaxed(&inode);
  return same ? now.st_mode & S_IFMT : 0;
}

// SIGPIPE and SIGXFSZ, which a write may raise in the thread that makes it, are kept away while
// this lives, and taken back unless they were pending before.
class signals_held {
 public:
  signals_held() noexcept {
    // unused result: these cannot fail, the arguments are right
    sigemptyset(&ours_);
    sigaddset(&ours_, SIGPIPE);  // unused result: as above
    sigaddset(&ours_, SIGXFSZ);  // unused result: as above
    sigset_t pending;
    sigemptyset(&pending);  // unused result: as above
    sigpending(&pending);   // unused result: nothing is pending then
    for (int raised : {SIGPIPE, SIGXFSZ})
      if (sigismember(&pending, raised) == 1) sigdelset(&ours_, raised);  // unused result: as above
    held_ = pthread_sigmask(SIG_BLOCK, &ours_, &before_) == 0;
  }
  ~signals_held() {
    if (!held_) return;
    const timespec at_once{};
    while (syscall(SYS_rt_sigtimedwait, &ours_, nullptr, &at_once, kernel_sigset_bytes) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);  // unused result: the arguments are right
  }
  signals_held(const signals_held&) = delete;
  signals_held& operator=(const signals_held&) = delete;

 private:
  sigset_t ours_, before_;
  bool held_;
};

long plain_write(const char* text, std::size_t bytes) noexcept {
  return syscall(SYS_write, STDERR_FILENO, text, bytes);
}

// Up to PIPE_BUF bytes go into a pipe whole or not at all, and a terminal takes that much where it
// takes anything.
long write_if_ready(const char* text, std::size_t bytes) noexcept {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  const timespec at_once{};
  const long n = syscall(SYS_ppoll, &ready, 1, &at_once, nullptr, kernel_sigset_bytes);
  if (n != 1 || (ready.revents & POLLOUT) == 0) return -1;
  return plain_write(text, bytes);
}

long write_now(mode_t type, const char* text, std::size_t bytes) noexcept {
  if (S_ISREG(type)) return plain_write(text, bytes);
  if (S_ISSOCK(type))
    return syscall(SYS_sendto, STDERR_FILENO, text, bytes, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
  iovec piece{const_cast<char*>(text), bytes};
  const long done = syscall(SYS_pwritev2, STDERR_FILENO, &piece, 1, -1L, -1L, RWF_NOWAIT);
  if (done >= 0 || errno == EAGAIN || errno == EPIPE || errno == EINTR) return done;
  return write_if_ready(text, bytes);  // no such call, or not for this file
}

}  // namespace

void adopt_standard_error() noexcept {
  keep_errno keep;
  struct stat now {};
  const bool there = fstat(STDERR_FILENO, &now) == 0;
  // A report that is written meanwhile finds no file of both the old and the new numbers.
  gs_store_relaxed(&device, static_cast<std::uint64_t>(now.st_dev));
  gs_store_relaxed(&inode, static_cast<std::uint64_t>(now.st_ino));
  gs_store_relaxed(&state, std::uint32_t{there ? open : closed});
}

bool write_standard_error(const char* text, std::size_t bytes) noexcept {
  keep_errno keep;
  const mode_t type = right_file();
  if (type == 0) return false;
  signals_held hold;
  constexpr unsigned interruptions_most = 100;
  long done = -1;
  for (unsigned i = 0; i != interruptions_most; ++i) {
    done = write_now(type, text, bytes);
    if (done >= 0 || errno != EINTR) break;
  }
  return done == static_cast<long>(bytes);
}

}  // namespace graceslab::os
