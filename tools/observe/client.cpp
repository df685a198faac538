// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "observe/client.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "commands.hpp"

namespace graceslab::tool::observe {
namespace {

constexpr std::size_t rows_most = 2'000'000;  // more than a process can have
constexpr std::size_t trace_most = std::size_t{4} << 30;
constexpr std::size_t text_most = 64;  // paragraphs that are shown

std::string folder_of(std::uint32_t pid) { return fmt::format("/proc/{}", pid); }

// One that has ended stays until somebody waits for it.
bool exists(std::uint32_t pid) {
  std::ifstream file(folder_of(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const std::size_t name_end = line.rfind(')');  // the state is the next word
  return name_end == std::string::npos || line.size() < name_end + 3 ||
         std::string_view("ZX").find(line[name_end + 2]) == std::string_view::npos;
}

bool is_ours(std::uint32_t pid) {
  struct stat now {};
  return stat(folder_of(pid).c_str(), &now) == 0 && now.st_uid == geteuid();
}

[[noreturn]] void not_observed(std::uint32_t pid) {
  throw usage_error(
      fmt::format("process {} is not observed: start it with GRACESLAB_OBSERVE=1, or let it call "
                  "gs_observe_start()",
                  pid));
}

// Names come from another process.
void disarm(char* text, std::size_t bytes) {
  text[bytes - 1] = '\0';
  for (; *text != '\0'; ++text) {
    const auto c = static_cast<unsigned char>(*text);
    if (c < ' ' || c == 0x7f) *text = '?';
  }
}

// A paragraph keeps its lines.
std::string disarmed(std::string text) {
  for (char& c : text)
    if ((static_cast<unsigned char>(c) < ' ' && c != '\n') || c == 0x7f) c = '?';
  return text;
}

}  // namespace

struct connection::message {
  alignas(gs_observe_cache) std::array<char, sizeof(gs_observe_head) + GS_OBSERVE_TEXT_MAX> bytes;
  std::size_t length = 0;

  gs_observe_head head() const {
    gs_observe_head h;
    std::memcpy(&h, bytes.data(), sizeof h);
    return h;
  }
  bool is_whole() const {
    if (length < sizeof(gs_observe_head) || length > bytes.size()) return false;
    return head().magic == GS_OBSERVE_MAGIC && head().bytes == length;
  }
  template <class Row>
  std::optional<Row> as(gs_observe_kind kind) const {
    Row row;
    if (head().kind != kind || length != sizeof row) return std::nullopt;
    std::memcpy(&row, bytes.data(), sizeof row);
    return row;
  }
};

connection::connection(const peer& to) : pid_(to.pid), timeout_(to.timeout) {
  const std::uint32_t pid = pid_;
  if (!exists(pid)) throw usage_error(fmt::format("there is no process {}", pid));
  if (!is_ours(pid)) throw usage_error(fmt::format("process {} is another user's", pid));
  try {
    open();
    greet();
  } catch (...) {
    if (socket_ >= 0) close(socket_);
    throw;
  }
}

connection::~connection() { close(socket_); }

void connection::open() {
  socket_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) throw usage_error(fmt::format("no socket: {}", std::strerror(errno)));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // After the zero that says: abstract.
  const int length =
      std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, GS_OBSERVE_SOCKET, pid_);
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                            static_cast<std::size_t>(length));
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), bytes) != 0) {
    if (errno == ECONNREFUSED) not_observed(pid_);
    throw usage_error(fmt::format("process {} lets nobody in: {}", pid_, std::strerror(errno)));
  }
  ucred who{};
  socklen_t who_bytes = sizeof who;
  if (getsockopt(socket_, SOL_SOCKET, SO_PEERCRED, &who, &who_bytes) != 0 || who.uid != geteuid() ||
      (who.pid != 0 && static_cast<std::uint32_t>(who.pid) != pid_))
    throw usage_error(fmt::format("the socket of process {} is another process's", pid_));
}

void connection::greet() {
  const message first = next();
  if (first.head().version != GS_OBSERVE_VERSION)
    throw usage_error(
        fmt::format("process {} tells of itself in version {}, and this tool reads {}", pid_,
                    first.head().version, GS_OBSERVE_VERSION));
  if (!first.as<gs_observe_hello>(GS_OBSERVE_HELLO)) lost();
}

// It ended, or it is not what it seems.
void connection::lost() const {
  if (!exists(pid_)) throw usage_error(fmt::format("process {} has ended", pid_));
  throw usage_error(fmt::format("process {} broke off, or does not keep to the protocol", pid_));
}

connection::message connection::next() {
  message m;
  pollfd ready{socket_, POLLIN, 0};
  const auto end = std::chrono::steady_clock::now() + timeout_;
  for (;;) {
    const ssize_t n = recv(socket_, m.bytes.data(), m.bytes.size(), MSG_TRUNC);
    if (n > 0) {
      m.length = static_cast<std::size_t>(n);
      if (!m.is_whole()) lost();
      return m;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR)) lost();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw usage_error(fmt::format("process {} does not answer", pid_));
    (void)poll(&ready, 1, static_cast<int>(left.count()));
  }
}

void connection::ask(gs_observe_kind kind, const std::string& cache) {
  gs_observe_request r = {};
  r.head = {GS_OBSERVE_MAGIC, GS_OBSERVE_VERSION, static_cast<std::uint16_t>(kind), sizeof r, 0};
  std::memcpy(r.cache, cache.data(), std::min(cache.size(), sizeof r.cache - 1));
  if (send(socket_, &r, sizeof r, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof r)) lost();
}

snapshot connection::list() {
  ask(GS_OBSERVE_LIST, "");
  snapshot all;
  for (;;) {
    const message m = next();
    if (auto domain = m.as<gs_observe_domain>(GS_OBSERVE_DOMAIN)) {
      disarm(domain->name, sizeof domain->name);
      disarm(domain->oldest_name, sizeof domain->oldest_name);
      all.domains.push_back(*domain);
    } else if (auto cache = m.as<gs_observe_cache>(GS_OBSERVE_CACHE)) {
      disarm(cache->name, sizeof cache->name);
      all.caches.push_back(*cache);
    } else if (auto last = m.as<gs_observe_end>(GS_OBSERVE_END)) {
      all.now_ns = last->now_ns;
      return all;
    } else {
      lost();
    }
    if (all.domains.size() + all.caches.size() > rows_most) lost();
  }
}

std::vector<std::string> connection::why(const std::string& cache) {
  ask(GS_OBSERVE_WHY, cache);
  std::vector<std::string> all;
  for (;;) {
    const message m = next();
    if (m.as<gs_observe_end>(GS_OBSERVE_END)) return all;
    if (m.head().kind != GS_OBSERVE_TEXT) lost();
    if (all.size() != text_most)
      all.push_back(
          disarmed({m.bytes.data() + sizeof(gs_observe_head), m.bytes.data() + m.length}));
  }
}

std::string connection::trace() {
  ask(GS_OBSERVE_TRACE, "");
  std::string all;
  for (;;) {
    const message m = next();
    if (m.as<gs_observe_end>(GS_OBSERVE_END)) return all;
    if (m.head().kind != GS_OBSERVE_TEXT || all.size() > trace_most) lost();
    all.append(m.bytes.data() + sizeof(gs_observe_head), m.bytes.data() + m.length);
  }
}

namespace {

// Those of ours.
std::vector<std::uint32_t> observed_processes() {
  std::ifstream sockets("/proc/net/unix");
  std::vector<std::uint32_t> found;
  for (std::string line; std::getline(sockets, line);) {
    const std::size_t at = line.rfind(" @");
    unsigned pid = 0;
    if (at == std::string::npos ||
        std::sscanf(line.c_str() + at + 2, GS_OBSERVE_SOCKET, &pid) != 1 || !is_ours(pid))
      continue;
    if (std::find(found.begin(), found.end(), pid) == found.end()) found.push_back(pid);
  }
  return found;
}

[[noreturn]] void name_one_of(const std::vector<std::uint32_t>& found) {
  std::string all;
  for (const std::uint32_t pid : found) all += fmt::format("{} {}", all.empty() ? "" : ",", pid);
  throw usage_error(fmt::format("name one of the processes that are observed:{}", all));
}

}  // namespace

std::uint32_t only_process() {
  const std::vector<std::uint32_t> found = observed_processes();
  if (found.size() == 1) return found[0];
  if (found.empty())
    throw usage_error(
        "no process of yours is observed: start one with GRACESLAB_OBSERVE=1, or let it call "
        "gs_observe_start()");
  name_one_of(found);
}

std::uint32_t chosen_process(const std::string& id_or_name) {
  const char* end = id_or_name.data() + id_or_name.size();
  std::uint32_t pid = 0;
  const auto [stop, error] = std::from_chars(id_or_name.data(), end, pid);
  if (error == std::errc() && stop == end && pid != 0) return pid;
  std::vector<std::uint32_t> found = observed_processes();
  std::erase_if(found, [&](std::uint32_t one) { return process_name(one) != id_or_name; });
  if (found.size() == 1) return found[0];
  if (found.empty())
    throw usage_error(
        fmt::format("no process of yours that is observed is called '{}'", id_or_name));
  name_one_of(found);
}

std::string process_name(std::uint32_t pid) {
  std::ifstream file(folder_of(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name.empty() ? "?" : disarmed(name);
}

}  // namespace graceslab::tool::observe
