// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs a program, with a deadline, and keeps what it wrote and how it ended.
#pragma once
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#if defined(__has_feature)
#define GS_TEST_FEATURE(x) __has_feature(x)
#else
#define GS_TEST_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || GS_TEST_FEATURE(address_sanitizer)
inline constexpr bool with_asan = true;
#else
inline constexpr bool with_asan = false;
#endif
#if defined(__SANITIZE_THREAD__) || GS_TEST_FEATURE(thread_sanitizer)
inline constexpr bool with_tsan = true;
#else
inline constexpr bool with_tsan = false;
#endif

struct child_result {
  int status = -1;  // of exit; -1 = ended by a signal
  int signal = 0;
  bool timed_out = false;
  long took_ms = 0;
  std::string out, err;

  bool said(const char* what) const { return out.find(what) != std::string::npos; }
  // Whether the library wrote a report of this kind: "graceslab: KIND: ...".
  bool reported(const char* kind) const {
    return err.find("graceslab: " + std::string(kind) + ": ") != std::string::npos;
  }
  bool reported_anything() const { return err.find("graceslab: ") != std::string::npos; }
  bool crashed() const { return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL; }
  bool fine() const { return !timed_out && signal == 0 && status == 0; }
  std::string story() const {
    return "status " + std::to_string(status) + ", signal " + std::to_string(signal) +
           (timed_out ? ", timed out" : "") + ", " + std::to_string(took_ms) + " ms\n" + out + err;
  }
};

namespace child_process {

using clock = std::chrono::steady_clock;

inline std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> all;
  for (const std::string& word : words) all.push_back(const_cast<char*>(word.c_str()));
  all.push_back(nullptr);
  return all;
}

// Sanitizers leave SIGSEGV alone in children: a crash is then the same in every build.
inline std::vector<std::string> environment_with(std::vector<std::string> extra) {
  for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"})
    extra.push_back(std::string(name) + "=handle_segv=0:handle_sigbus=0:handle_sigill=0" +
                    (name[0] == 'A' ? ":detect_leaks=0" : ""));
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    if (entry.find("SAN_OPTIONS=") == std::string::npos) extra.push_back(entry);
  }
  return extra;
}

struct pipe_end {
  int fd;
  std::string* text;
};

// Reads both pipes until they close or the deadline passes.
inline void read_all(pipe_end (&ends)[2], clock::time_point deadline) {
  pollfd polled[2] = {{ends[0].fd, POLLIN, 0}, {ends[1].fd, POLLIN, 0}};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0 || poll(polled, 2, static_cast<int>(left)) == 0) return;
    for (int i = 0; i < 2; ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      char block[4096];
      const ssize_t n = read(polled[i].fd, block, sizeof block);
      if (n > 0)
        ends[i].text->append(block, static_cast<std::size_t>(n));
      else
        polled[i].fd = -1;
    }
  }
}

// Waits for the end of a process; kills it at the deadline.
inline void reap(pid_t pid, clock::time_point deadline, child_result* result) {
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (clock::now() >= deadline) {
      result->timed_out = true;
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      break;
    }
    usleep(1000);
  }
  if (WIFEXITED(status)) result->status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result->signal = WTERMSIG(status);
}

}  // namespace child_process

/// `words` is the program and its arguments; `extra` are NAME=VALUE that go before the environment.
inline child_result run_child(const std::vector<std::string>& words,
                              const std::vector<std::string>& extra = {}, int timeout_ms = 40000) {
  using namespace child_process;
  child_result result;
  int out[2], err[2];
  if (pipe(out) != 0 || pipe(err) != 0) return result;
  const std::vector<std::string> environment = environment_with(extra);
  const std::vector<char*> arguments = pointers(words), variables = pointers(environment);
  const auto began = clock::now();
  const pid_t pid = fork();
  if (pid == 0) {
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    for (int fd : {out[0], out[1], err[0], err[1]}) close(fd);
    execve(arguments[0], arguments.data(), variables.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  const auto deadline = began + std::chrono::milliseconds(timeout_ms);
  pipe_end ends[2] = {{out[0], &result.out}, {err[0], &result.err}};
  read_all(ends, deadline);
  reap(pid, deadline, &result);
  close(out[0]);
  close(err[0]);
  result.took_ms = static_cast<long>(
      std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began).count());
  return result;
}

/// Runs `body` in a fork of this process and gives its result as exit status; never returns into
/// the test there.
template <class Body>
child_result run_fork(Body body, int timeout_ms = 40000) {
  using namespace child_process;
  child_result result;
  const auto began = clock::now();
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  reap(pid, began + std::chrono::milliseconds(timeout_ms), &result);
  return result;
}
