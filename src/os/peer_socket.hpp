// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A socket of ours in a process that is somebody else's: the program may close it behind our back
// and get its number for a file of its own, so each use looks first whether it is still ours.
#pragma once
#include <cstddef>
#include <cstdint>

namespace graceslab::os {

struct peer_socket {
  int number = -1;
  std::uint64_t device = 0, inode = 0;

  bool is_open() const noexcept { return number >= 0; }
};

// Of type SOCK_SEQPACKET, under this name in the abstract name space; closed in programs that are
// executed. 0, or a negative error number.
int listen_as(const char* name, peer_socket* made) noexcept;
// A peer of our own user; of others it hangs up on. 0; 1: nobody waits, or it was hung up on; or a
// negative error number.
int accept_peer(const peer_socket& from, peer_socket* peer) noexcept;

bool still_ours(const peer_socket& s) noexcept;
// One message whole. False: it cannot be sent now. *gone: or ever.
bool send_message(const peer_socket& s, const void* message, std::size_t bytes,
                  bool* gone) noexcept;
// The length of one; -1: there is none now. *gone: nor will be.
long receive_message(const peer_socket& s, void* message, std::size_t bytes, bool* gone) noexcept;
// Wakes whoever waits for a peer, for good.
void stop_listening(const peer_socket& s) noexcept;
void close_socket(peer_socket& s) noexcept;  // nothing, when it is not ours any more

struct socket_wish {
  const peer_socket* socket;
  bool writes;  // else reads
  bool ready;   // out: so, or hung up
};
// Until one of them is ready. False: the system refuses to wait.
bool await_sockets(socket_wish* wishes, unsigned n, std::uint64_t timeout_ms) noexcept;

// Threads of this process that live, and whether main's has ended. False: not to be seen.
struct census {
  unsigned long threads;
  bool main_ended;
};
bool count_threads(census* out) noexcept;
std::uint32_t process_id() noexcept;

}  // namespace graceslab::os
