// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// System calls all the way: those of the C library are cancellation points.
#include "os/peer_socket.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "os/keep_errno.hpp"
#include "os/small_file.hpp"

namespace graceslab::os {
namespace {

constexpr std::size_t kernel_sigset_bytes = 8;
constexpr int backlog = 8;
constexpr unsigned sockets_most = 16;  // that are waited for at once

// Below 3 the program may think that it writes to its standard output.
int beyond_standard_files(int number) noexcept {
  if (number < 0 || number > STDERR_FILENO) return number;
  constexpr int first_free = 3;
  const long moved = syscall(SYS_fcntl, number, F_DUPFD_CLOEXEC, first_free);
  const int error = errno;
  syscall(SYS_close, number);  // unused result: it is a socket of ours
  errno = error;
  return static_cast<int>(moved);
}

// 0, or a negative error number; closes what it does not adopt.
int adopt(long number, peer_socket* made) noexcept {
  const int mine = beyond_standard_files(static_cast<int>(number));
  if (mine < 0) return -errno;
  struct stat now {};
  if (syscall(SYS_fstat, mine, &now) != 0) {
    const int error = errno;
    syscall(SYS_close, mine);  // unused result: nobody has used it
    return -error;
  }
  *made = {mine, static_cast<std::uint64_t>(now.st_dev), static_cast<std::uint64_t>(now.st_ino)};
  return 0;
}

int listen_on(const peer_socket& s, const char* name) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(name);
  if (length + 1 > sizeof address.sun_path) return -ENAMETOOLONG;
  std::memcpy(address.sun_path + 1, name, length);  // after the zero that says: abstract
  const std::size_t bytes = offsetof(sockaddr_un, sun_path) + 1 + length;
  if (syscall(SYS_bind, s.number, &address, bytes) != 0) return -errno;
  return syscall(SYS_listen, s.number, backlog) != 0 ? -errno : 0;
}

bool is_same_user(int number) noexcept {
  ucred who{};
  socklen_t bytes = sizeof who;
  return syscall(SYS_getsockopt, number, SOL_SOCKET, SO_PEERCRED, &who, &bytes) == 0 &&
         who.uid == static_cast<uid_t>(syscall(SYS_geteuid));
}

bool is_for_now(int error) noexcept {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

int listen_as(const char* name, peer_socket* made) noexcept {
  keep_errno keep;
  const long number =
      syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (number < 0) return -errno;
  if (const int error = adopt(number, made)) return error;
  const int error = listen_on(*made, name);
  if (error != 0) close_socket(*made);
  return error;
}

int accept_peer(const peer_socket& from, peer_socket* peer) noexcept {
  keep_errno keep;
  if (!still_ours(from)) return -EBADF;
  const long number =
      syscall(SYS_accept4, from.number, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (number < 0) return is_for_now(errno) || errno == ECONNABORTED ? 1 : -errno;
  if (const int error = adopt(number, peer)) return error;
  if (is_same_user(peer->number)) return 0;
  close_socket(*peer);
  return 1;
}

bool still_ours(const peer_socket& s) noexcept {
  keep_errno keep;
  struct stat now {};
  return s.is_open() && syscall(SYS_fstat, s.number, &now) == 0 &&
         static_cast<std::uint64_t>(now.st_dev) == s.device &&
         static_cast<std::uint64_t>(now.st_ino) == s.inode;
}

bool send_message(const peer_socket& s, const void* message, std::size_t bytes,
                  bool* gone) noexcept {
  keep_errno keep;
  *gone = !still_ours(s);
  if (*gone) return false;
  const long n =
      syscall(SYS_sendto, s.number, message, bytes, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
  *gone = n < 0 && !is_for_now(errno);
  return n == static_cast<long>(bytes);
}

long receive_message(const peer_socket& s, void* message, std::size_t bytes, bool* gone) noexcept {
  keep_errno keep;
  *gone = !still_ours(s);
  if (*gone) return -1;
  // The whole length is told of one that does not fit.
  const long n =
      syscall(SYS_recvfrom, s.number, message, bytes, MSG_DONTWAIT | MSG_TRUNC, nullptr, nullptr);
  *gone = n == 0 || (n < 0 && !is_for_now(errno));
  return n > 0 ? n : -1;
}

void stop_listening(const peer_socket& s) noexcept {
  keep_errno keep;
  if (still_ours(s)) syscall(SYS_shutdown, s.number, SHUT_RDWR);  // unused result: it is a socket
}

void close_socket(peer_socket& s) noexcept {
  keep_errno keep;
  if (still_ours(s)) syscall(SYS_close, s.number);  // unused result: it is ours
  s = {};
}

bool await_sockets(socket_wish* wishes, unsigned n, std::uint64_t timeout_ms) noexcept {
  keep_errno keep;
  pollfd polled[sockets_most];
  if (n > sockets_most) n = sockets_most;
  for (unsigned i = 0; i != n; ++i)
    polled[i] = {wishes[i].socket->number, static_cast<short>(wishes[i].writes ? POLLOUT : POLLIN),
                 0};
  const timespec longest{static_cast<time_t>(timeout_ms / 1000),
                         static_cast<long>(timeout_ms % 1000 * 1'000'000)};
  const long found = syscall(SYS_ppoll, polled, n, &longest, nullptr, kernel_sigset_bytes);
  for (unsigned i = 0; i != n; ++i) wishes[i].ready = found > 0 && polled[i].revents != 0;
  return found >= 0 || is_for_now(errno);
}

// "PID (name) S ...": the name may hold anything, so what follows its last parenthesis counts.
bool count_threads(census* out) noexcept {
  char text[512];
  if (read_small_file("/proc/self/stat", text, sizeof text) == 0) return false;
  const char* after = std::strrchr(text, ')');
  if (after == nullptr) return false;
  char state = '?';
  out->threads = 0;
  // The 3rd and the 20th field.
  const int found = std::sscanf(
      after + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu", &state,
      &out->threads);
  out->main_ended = state == 'Z' || state == 'X';
  return found == 2;
}

std::uint32_t process_id() noexcept { return static_cast<std::uint32_t>(getpid()); }

}  // namespace graceslab::os
