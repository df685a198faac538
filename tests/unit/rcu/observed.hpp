// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the tests of this folder share: reports caught, threads held inside sections, this program
// run again.
#pragma once
#include <graceslab/kernel/rcupdate.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace observed {

class reports {
 public:
  reports() {
    listen(this);
    gs_report_set_handler(catch_one, this);
  }
  ~reports() {
    gs_report_set_handler(nullptr, nullptr);
    listen(nullptr);
  }
  reports(const reports&) = delete;
  reports& operator=(const reports&) = delete;

  int count(gs_report kind) {
    std::lock_guard guard(lock_);
    int n = 0;
    for (const auto& [k, text] : all_) n += k == kind;
    return n;
  }
  std::string text(gs_report kind) {
    std::lock_guard guard(lock_);
    std::string joined;
    for (const auto& [k, text] : all_)
      if (k == kind) joined += text;
    return joined;
  }
  std::string everything() {
    std::lock_guard guard(lock_);
    std::string joined;
    for (const auto& [k, text] : all_) joined += text;
    return joined;
  }
  void forget() {
    std::lock_guard guard(lock_);
    all_.clear();
  }
  std::size_t total() {
    std::lock_guard guard(lock_);
    return all_.size();
  }

 private:
  static void listen(reports* who) {
    std::lock_guard guard(lock_);
    listening_ = who;
  }
  static void catch_one(gs_report kind, const char* text, std::size_t bytes, void* arg) {
    auto* self = static_cast<reports*>(arg);
    std::lock_guard guard(lock_);
    if (listening_ == self) self->all_.emplace_back(kind, std::string(text, bytes));
  }
  // Another thread may be about to report to one that has ended.
  inline static std::mutex lock_;
  inline static reports* listening_ = nullptr;
  std::vector<std::pair<gs_report, std::string>> all_;
};

inline bool within(int ms, const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

inline void pause_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// A door that threads wait at.
class gate {
 public:
  void open() {
    if (!opened_.exchange(true)) promise_.set_value();
  }
  void pass() { future_.wait(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_{promise_.get_future()};
  std::atomic<bool> opened_{false};
};

// A thread inside a section until it is told to leave.
class held_reader {
 public:
  explicit held_reader(gs_domain* d = nullptr, int levels = 1)
      : thread_([this, d, levels] {
          for (int i = 0; i < levels; ++i) gs_domain_read_lock(d);
          tid = gettid();
          inside_.open();
          leave_.pass();
          for (int i = 0; i < levels; ++i) gs_domain_read_unlock(d);
        }) {
    inside_.pass();
  }
  ~held_reader() { leave(); }
  void leave() {
    leave_.open();
    if (thread_.joinable()) thread_.join();
  }
  int tid = 0;

 private:
  gate inside_, leave_;
  std::thread thread_;
};

// Something that runs beside the test; done() tells whether it has returned.
class aside {
 public:
  explicit aside(std::function<void()> what)
      : future_(std::async(std::launch::async, std::move(what))) {}
  bool done_within(int ms) {
    return future_.wait_for(std::chrono::milliseconds(ms)) == std::future_status::ready;
  }

 private:
  std::future<void> future_;
};

struct outcome {
  int status;
  std::string errors;
};

// Runs one (disabled) test of this program in a new process with extra environment.
inline outcome run_again(const std::string& test, const std::vector<std::string>& environment) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return {-1, "no pipe"};
  const pid_t child = fork();
  if (child == 0) {
    dup2(pipe_ends[1], 2);
    dup2(pipe_ends[1], 1);
    close(pipe_ends[0]);
    for (const auto& e : environment) putenv(const_cast<char*>(e.c_str()));
    const std::string filter = "--gtest_filter=" + test;
    execl("/proc/self/exe", "unit", filter.c_str(), "--gtest_also_run_disabled_tests", nullptr);
    _exit(127);
  }
  close(pipe_ends[1]);
  std::string errors;
  char buffer[4096];
  for (ssize_t n; (n = read(pipe_ends[0], buffer, sizeof buffer)) > 0;)
    errors.append(buffer, static_cast<size_t>(n));
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), errors};
}

struct fault {
  explicit fault(gs_fault_site s, int64_t times = -1) : site(s) {
    gs_fault f = {};
    f.probability_per_million = 1'000'000;
    f.times = times;
    gs_fault_set(site, &f);
  }
  ~fault() { gs_fault_set(site, nullptr); }
  gs_fault_site site;
};

struct domain {
  explicit domain(const char* name = "test") {
    gs_domain_options o = {};
    o.name = name;
    d = gs_domain_create(&o);
  }
  ~domain() {
    if (d) gs_domain_destroy(d);
  }
  gs_domain* d;
};

struct counted {
  rcu_head head;
  std::atomic<int>* counter;
};

inline void count_one(rcu_head* head) { ++*reinterpret_cast<counted*>(head)->counter; }

// A callback that runs any code of the test.
struct task {
  rcu_head head;
  std::function<void()> what;
  static void run(rcu_head* head) { reinterpret_cast<task*>(head)->what(); }
};

inline std::vector<counted> many(int n, std::atomic<int>* counter) {
  std::vector<counted> all(static_cast<std::size_t>(n));
  for (auto& c : all) c.counter = counter;
  return all;
}

inline struct gs_domain_stats stats_of(gs_domain* d) {
  struct gs_domain_stats s;
  gs_domain_read_stats(d, &s);
  return s;
}

}  // namespace observed
