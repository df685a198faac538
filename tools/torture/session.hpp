// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One torture run: its workers, what they saw, and when they stop.
//
// A worker is a thread that plays rounds. What it does in a round is drawn from `plan`, and only
// from it: so the same seed gives the same rounds, whatever the timing, and the digest of the first
// `digest_rounds` shows it. Pauses and everything else that hangs on timing come from `noise`.
#pragma once
#include <fmt/core.h>
#include <graceslab/detail/abi.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "random.hpp"

namespace graceslab::torture {

inline constexpr unsigned last_age = 10;            // an element that old is taken apart
inline constexpr std::uint64_t digest_rounds = 16;  // every worker plays at least these

struct options {
  double seconds = 30;
  std::uint64_t seed = 0;
  unsigned readers = 0;
  unsigned updaters = 0;
  std::vector<std::string> phases;  // the names of those to play; none: all
  bool json = false;
  bool bounds = false;  // memory alone: cases of bounds_case.hpp
  std::string cgroup;   // directory of a memory cgroup that may be joined
  std::uint64_t least_rounds = digest_rounds;
  std::uint64_t hang_ms = 0;  // without a finished round; 0: as usual
};

enum class trouble {
  early,    // a reader saw age 2 or more
  reused,   // memory changed hands under a reader
  damaged,  // an object that nobody else has is not as it was left
  barrier,  // a barrier returned too soon
  count,    // the library's counts disagree with ours
  result,   // an operation returned what it must not
  report,   // a report that nothing called for
  errnum,   // errno was not kept
  hang,     // no progress
  fork,     // a forked child failed
  unload,   // something of a module outlived it
  exit,     // a process did not end in time, or not as it wanted to
  bound,    // more memory is held than is allowed, or an allocation failed
};
inline constexpr unsigned troubles = 13;
const char* name_of(trouble t);

class session;

class worker {
 public:
  worker(session& s, std::string name, unsigned number, std::uint64_t seed);

  // What a hang is reported with. A literal.
  void doing(const char* what) { gs_store_relaxed(&doing_, what); }
  const char* doing() const { return gs_load_relaxed(&doing_); }
  const std::string& name() const { return name_; }
  void count(const std::string& what, std::uint64_t n = 1) { counts_[what] += n; }
  void longest(const std::string& what, std::uint64_t ms) {
    longest_[what] = std::max(longest_[what], ms);
  }
  void saw(unsigned age) { ++ages_[age < last_age ? age : last_age]; }
  void pause();  // sometimes spins, yields or sleeps

  session& all;
  random_source plan;
  random_source noise;

 private:
  friend class session;
  std::string name_;
  const char* doing_ = "starting";
  std::uint64_t rounds_ = 0;  // atomic: the watchdog reads it
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::string, std::uint64_t> longest_;
  std::array<std::uint64_t, last_age + 1> ages_{};
  std::uint32_t ended_ = 0;  // atomic
  std::function<bool(worker&)> round_;
  std::thread thread_;
};

struct findings {
  std::array<std::uint64_t, troubles> troubles_seen{};
  std::vector<std::string> texts;  // the first few
  std::array<std::uint64_t, last_age + 1> ages{};
  std::map<std::string, std::uint64_t> counts;
  std::map<std::string, std::uint64_t> longest_ms;
  std::uint64_t digest = 0;
  double seconds = 0;
  bool good() const;
};

class session {
 public:
  explicit session(const options& o);
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  const options& asked() const { return options_; }

  // `round` is played until it returns false: as a rule, what more() says.
  void add_worker(std::string name, std::function<bool(worker&)> round);
  bool more(const worker& w) const;

  bool stopping() const { return gs_load_acquire(&stop_) != 0; }
  bool failed() const { return gs_load_acquire(&failed_) != 0; }

  template <class... Args>
  void fail(trouble t, fmt::format_string<Args...> text, Args&&... args) {
    add(t, fmt::format(text, std::forward<Args>(args)...));
  }

  // In a forked child: the first trouble ends it, with status 3.
  void now_in_child() { in_child_ = true; }

  // Runs for the time that was asked for, or until shortly after the first trouble. False when a
  // worker could not be brought to an end.
  bool run();
  findings results();  // after run()

 private:
  void add(trouble t, std::string text);
  void work(worker& w);
  bool watch(std::uint64_t until_ms);  // false: a worker hangs
  bool all_ended() const;
  bool hanging(std::uint64_t now_ms);
  void show_progress(std::uint64_t elapsed_ms);

  options options_;
  std::uint32_t stop_ = 0;
  std::uint32_t failed_ = 0;
  std::vector<std::unique_ptr<worker>> workers_;
  struct last_seen {
    std::uint64_t rounds = 0;
    std::uint64_t at_ms = 0;
  };
  std::vector<last_seen> last_;
  std::uint64_t began_ms_ = 0;
  std::uint64_t shown_ms_ = 0;
  bool terminal_ = false;
  bool in_child_ = false;
  std::mutex lock_;  // over findings_
  findings findings_;
};

// Reports of the library that the current thread provokes on purpose while this lives. Any other
// report is trouble.
class expect_report {
 public:
  explicit expect_report(gs_report kind);
  ~expect_report();
  expect_report(const expect_report&) = delete;
  expect_report& operator=(const expect_report&) = delete;
  unsigned seen() const { return seen_; }

 private:
  friend class report_watch;
  gs_report kind_;
  unsigned seen_ = 0;
  expect_report* outer_;
};

// Hands every report to the session while it lives.
class report_watch {
 public:
  explicit report_watch(session& s);
  ~report_watch();
  report_watch(const report_watch&) = delete;
  report_watch& operator=(const report_watch&) = delete;

 private:
  static void reported(gs_report kind, const char* text, std::size_t bytes, void* self);
};

// A signal that ends the process is trouble too: says so with the seed, and leaves with status 1.
// Not in sanitizer builds, which have handlers of their own.
void watch_for_crashes(std::uint64_t seed);

// Sets errno around an operation that must keep it.
class keeps_errno {
 public:
  keeps_errno(session& s, const char* what);
  ~keeps_errno();
  keeps_errno(const keeps_errno&) = delete;
  keeps_errno& operator=(const keeps_errno&) = delete;

 private:
  session& session_;
  const char* what_;
};

}  // namespace graceslab::torture
