// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A peer of a process that lets itself be observed, as well-behaved or not as a test wants it.
#pragma once
#include <graceslab/detail/observe.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace observing {

constexpr int limit_ms = 50'000;  // only ends a test that has failed

class peer {
 public:
  explicit peer(pid_t pid) {
    socket_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const int n = std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1,
                                GS_OBSERVE_SOCKET, static_cast<unsigned>(pid));
    const auto bytes =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + static_cast<std::size_t>(n));
    connected_ = connect(socket_, reinterpret_cast<sockaddr*>(&address), bytes) == 0;
  }
  ~peer() { close(socket_); }
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;

  bool connected() const { return connected_; }
  bool send(const void* bytes, std::size_t n) {
    return ::send(socket_, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(n);
  }
  bool ask(gs_observe_kind kind, const char* cache = "") {
    gs_observe_request r = {};
    r.head = {GS_OBSERVE_MAGIC, GS_OBSERVE_VERSION, static_cast<std::uint16_t>(kind), sizeof r, 0};
    std::snprintf(r.cache, sizeof r.cache, "%s", cache);
    return send(&r, sizeof r);
  }
  // Empty: it hung up.
  std::string next() {
    std::string text(sizeof(gs_observe_head) + GS_OBSERVE_TEXT_MAX, '\0');
    pollfd ready{socket_, POLLIN, 0};
    if (poll(&ready, 1, limit_ms) != 1) return {};
    const ssize_t n = recv(socket_, text.data(), text.size(), 0);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }
  // All up to the end of an answer.
  std::vector<std::string> answer() {
    std::vector<std::string> all;
    for (std::string m; !(m = next()).empty() && kind_of(m) != GS_OBSERVE_END;) all.push_back(m);
    return all;
  }
  static int kind_of(const std::string& m) {
    gs_observe_head head = {};
    if (m.size() >= sizeof head) std::memcpy(&head, m.data(), sizeof head);
    return head.kind;
  }

 private:
  int socket_;
  bool connected_;
};

template <class Row>
std::optional<Row> row_of(const std::vector<std::string>& all, gs_observe_kind kind,
                          const char* name) {
  for (const std::string& m : all) {
    Row row;
    if (peer::kind_of(m) != kind || m.size() != sizeof row) continue;
    std::memcpy(&row, m.data(), sizeof row);
    if (std::strcmp(row.name, name) == 0) return row;
  }
  return std::nullopt;
}

inline std::optional<gs_observe_cache> cache_of(pid_t pid, const char* name) {
  peer p(pid);
  if (!p.connected() || peer::kind_of(p.next()) != GS_OBSERVE_HELLO || !p.ask(GS_OBSERVE_LIST))
    return std::nullopt;
  return row_of<gs_observe_cache>(p.answer(), GS_OBSERVE_CACHE, name);
}

}  // namespace observing
