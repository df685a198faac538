// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "child.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

extern char** environ;

namespace graceslab::tool::bench {
namespace {

using clock = std::chrono::steady_clock;

struct pipe_ends {
  int read = -1, write = -1;
  pipe_ends() {
    int ends[2];
    if (pipe(ends) == 0) read = ends[0], write = ends[1];
  }
  ~pipe_ends() {
    close_write();
    if (read >= 0) close(read);
  }
  void close_write() {
    if (write >= 0) close(write);
    write = -1;
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

pid_t start(const std::vector<std::string>& words, const std::vector<std::string>& environment,
            const pipe_ends& out, const pipe_ends& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  for (int end : {out.read, out.write, err.read, err.write})
    posix_spawn_file_actions_addclose(&actions, end);
  std::vector<std::string> all = environment;
  for (char** e = environ; *e != nullptr; ++e) all.emplace_back(*e);
  pid_t child = -1;
  int error = posix_spawn(&child, words[0].c_str(), &actions, nullptr, pointers(words).data(),
                          pointers(all).data());
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? child : -1;
}

bool drain(int fd, std::string& into) {
  char buffer[4096];
  ssize_t n = read(fd, buffer, sizeof buffer);
  if (n > 0) into.append(buffer, static_cast<std::size_t>(n));
  return n > 0;
}

// Until both ends are closed; false when the time is up.
bool collect(const pipe_ends& out, const pipe_ends& err, clock::time_point until,
             child_result& into) {
  pollfd ends[] = {{out.read, POLLIN, 0}, {err.read, POLLIN, 0}};
  std::string* texts[] = {&into.output, &into.errors};
  for (int open = 2; open != 0;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
    if (left <= 0) return false;
    if (poll(ends, 2, static_cast<int>(left)) < 0) continue;
    for (int i = 0; i != 2; ++i)
      if (ends[i].fd >= 0 && ends[i].revents != 0 && !drain(ends[i].fd, *texts[i])) {
        ends[i].fd = -1;
        --open;
      }
  }
  return true;
}

}  // namespace

std::string child_result::trouble() const {
  if (!started) return "could not be started";
  if (out_of_time) return "did not end in time";
  std::string first = errors.substr(0, errors.find('\n'));
  if (exit_status > 128) return fmt::format("ended by signal {} {}", exit_status - 128, first);
  return first.empty() ? fmt::format("exit status {}", exit_status) : first;
}

child_result run_child(const std::vector<std::string>& words,
                       const std::vector<std::string>& environment, double seconds_at_most) {
  child_result result;
  pipe_ends out, err;
  pid_t child = start(words, environment, out, err);
  if (child < 0) return result;
  result.started = true;
  out.close_write();
  err.close_write();
  auto limit =
      std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds_at_most));
  if (!collect(out, err, clock::now() + limit, result)) {
    result.out_of_time = true;
    kill(child, SIGKILL);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace graceslab::tool::bench
