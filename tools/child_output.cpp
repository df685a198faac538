// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "child_output.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <stdexcept>

extern char** environ;

namespace graceslab::tool {
namespace {

using steady = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what, int error) {
  throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(error)));
}

struct pipe_ends {
  int read_end = -1, write_end = -1;
  pipe_ends() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("cannot make a pipe", errno);
    read_end = ends[0];
    write_end = ends[1];
  }
  ~pipe_ends() {
    close(read_end);
    close_write();
  }
  void close_write() {
    if (write_end >= 0) close(write_end);
    write_end = -1;
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

// The caller's environment, with `settings` in place of what has their names.
std::vector<std::string> environment_with(const std::vector<std::string>& settings) {
  std::vector<std::string> all = settings;
  for (char** e = environ; *e != nullptr; ++e) {
    std::string_view entry = *e;
    bool replaced = false;
    for (const std::string& s : settings) {
      std::size_t name = s.find('=') + 1;
      replaced = replaced || entry.substr(0, name) == std::string_view(s).substr(0, name);
    }
    if (!replaced) all.emplace_back(entry);
  }
  return all;
}

pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& settings,
            int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  std::vector<std::string> environment = environment_with(settings);
  pid_t pid = 0;
  int error = posix_spawn(&pid, arguments[0].c_str(), &actions, nullptr, pointers(arguments).data(),
                          pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail("cannot start a child process", error);
  return pid;
}

// True while there may be more to read.
bool drain(pollfd& from, std::string& into) {
  if ((from.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return true;
  char buffer[4096];
  ssize_t n = read(from.fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  into.append(buffer, static_cast<std::size_t>(n));
  return n != 0;
}

void collect(child_output& result, int out, int err, pid_t pid, int timeout_ms) {
  pollfd fds[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
  steady::time_point end = steady::now() + std::chrono::milliseconds(timeout_ms);
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - steady::now()).count();
    if (left <= 0 && !result.timed_out) {
      result.timed_out = true;
      kill(pid, SIGKILL);
    }
    if (poll(fds, 2, left > 0 ? static_cast<int>(left) : 1000) < 0 && errno != EINTR) break;
    if (fds[0].fd >= 0 && !drain(fds[0], result.out)) fds[0].fd = -1;
    if (fds[1].fd >= 0 && !drain(fds[1], result.err)) fds[1].fd = -1;
  }
}

}  // namespace

child_output run_child(const std::vector<std::string>& arguments,
                       const std::vector<std::string>& settings, int timeout_ms) {
  child_output result;
  pipe_ends out, err;
  pid_t pid = spawn(arguments, settings, out.write_end, err.write_end);
  out.close_write();
  err.close_write();
  collect(result, out.read_end, err.read_end, pid, timeout_ms);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

}  // namespace graceslab::tool
