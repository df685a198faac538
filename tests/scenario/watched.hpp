// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the scenarios of caches share: reports caught, threads held inside sections, time driven,
// conditions waited for.
#pragma once
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace watched {

// Catches every report while it lives.
class reports {
 public:
  reports() {
    listen(this);
    gs_report_set_handler(take, this);
  }
  ~reports() {
    gs_report_set_handler(nullptr, nullptr);
    listen(nullptr);
  }
  reports(const reports&) = delete;
  reports& operator=(const reports&) = delete;

  std::size_t total() {
    return matching([](gs_report) { return true; }).size();
  }
  std::size_t count(gs_report kind) { return of(kind).size(); }
  std::vector<std::string> of(gs_report kind) {
    return matching([kind](gs_report k) { return k == kind; });
  }
  std::string text(gs_report kind) { return join(of(kind)); }
  std::string everything() {
    return join(matching([](gs_report) { return true; }));
  }
  void forget() {
    std::lock_guard hold(lock_);
    all_.clear();
  }

 private:
  static void listen(reports* who) {
    std::lock_guard guard(lock_);
    listening_ = who;
  }
  static void take(gs_report kind, const char* text, std::size_t bytes, void* arg) {
    auto* self = static_cast<reports*>(arg);
    std::lock_guard hold(lock_);
    if (listening_ == self) self->all_.emplace_back(kind, std::string(text, bytes));
  }
  template <class Wanted>
  std::vector<std::string> matching(Wanted wanted) {
    std::lock_guard hold(lock_);
    std::vector<std::string> found;
    for (const auto& [kind, text] : all_)
      if (wanted(kind)) found.push_back(text);
    return found;
  }
  static std::string join(const std::vector<std::string>& texts) {
    std::string joined;
    for (const auto& text : texts) joined += text;
    return joined;
  }
  // Another thread may be about to report to one that has ended.
  inline static std::mutex lock_;
  inline static reports* listening_ = nullptr;
  std::vector<std::pair<gs_report, std::string>> all_;
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
#define EXPECT_CONTAINS(text, part) EXPECT_PRED2(::watched::contains, std::string(text), part)

// Waits for something that happens by itself. The limit only ends a test that has failed.
template <class Condition>
bool eventually(Condition condition) {
  for (int ms = 0; ms != 20'000; ++ms) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

// Time that stands still but for what a test advances.
class virtual_clock {
 public:
  virtual_clock() { gs_clock_virtual(1); }
  ~virtual_clock() { gs_clock_virtual(0); }
  virtual_clock(const virtual_clock&) = delete;
  virtual_clock& operator=(const virtual_clock&) = delete;
  static void advance(std::uint64_t ms) { gs_clock_advance(ms); }
  // Advances step by step until something has happened.
  template <class Condition>
  static bool until(Condition condition, std::uint64_t step_ms = 20) {
    return eventually([&] {
      if (condition()) return true;
      advance(step_ms);
      return false;
    });
  }
};

class gate {
 public:
  void open() {
    std::lock_guard hold(lock_);
    open_ = true;
    change_.notify_all();
  }
  void pass() {
    std::unique_lock hold(lock_);
    change_.wait(hold, [this] { return open_; });
  }

 private:
  std::mutex lock_;
  std::condition_variable change_;
  bool open_ = false;
};

// A thread inside a read-side section, until leave().
class held_reader {
 public:
  explicit held_reader(gs_domain* domain = nullptr)
      : thread_([this, domain] {
          gs_domain_read_lock(domain);
          inside_.open();
          leave_.pass();
          gs_domain_read_unlock(domain);
        }) {
    inside_.pass();
  }
  ~held_reader() { leave(); }
  void leave() {
    leave_.open();
    if (thread_.joinable()) thread_.join();
  }

 private:
  gate inside_, leave_;
  std::thread thread_;
};

// Fails every attempt at a site while it lives.
class fault {
 public:
  explicit fault(gs_fault_site site, std::int64_t times = -1) : site_(site) {
    gs_fault f = {};
    f.probability_per_million = 1'000'000;
    f.times = times;
    gs_fault_set(site, &f);
  }
  ~fault() { gs_fault_set(site_, nullptr); }
  fault(const fault&) = delete;
  fault& operator=(const fault&) = delete;

 private:
  gs_fault_site site_;
};

inline gs_cache_stats stats_of(kmem_cache* s) {
  gs_cache_stats stats = {};
  (void)gs_cache_read_stats(s, &stats);
  return stats;
}
inline std::uint64_t in_flight(kmem_cache* s) {
  gs_cache_stats stats = stats_of(s);
  return stats.retired - stats.reclaimed;
}
inline bool is_gone(kmem_cache* s) {
  gs_cache_stats stats;
  return gs_cache_read_stats(s, &stats) != 0;
}
// After the last free of a lingering cache: as a rule at once, but whoever passes by with an empty
// hand on it at that moment, such as the background thread, ends it.
inline bool is_gone_soon(kmem_cache* s) {
  return eventually([s] { return is_gone(s); });
}
inline gs_domain_stats stats_of(gs_domain* d) {
  gs_domain_stats stats = {};
  gs_domain_read_stats(d, &stats);
  return stats;
}
inline std::string why(kmem_cache_cookie_t cookie) {
  char text[4096];
  gs_cache_why(cookie, text, sizeof text);
  return text;
}

inline std::string why(kmem_cache* s) {
  char text[4096];
  gs_cache_why_of(s, text, sizeof text);
  return text;
}

struct object {
  rcu_head rcu;
  std::uint64_t value[6];
};
inline kmem_cache* make_cache(const char* name, unsigned flags = 0) {
  return kmem_cache_create(name, sizeof(object), 0, flags, nullptr);
}
inline object* take(kmem_cache* s) { return static_cast<object*>(kmem_cache_alloc(s, GFP_KERNEL)); }
inline std::vector<object*> take(kmem_cache* s, std::size_t n) {
  std::vector<object*> all(n);
  for (auto& o : all) o = take(s);
  return all;
}
inline void give(kmem_cache* s, const std::vector<object*>& all) {
  for (auto* o : all) kmem_cache_free(s, o);
}
inline void retire(const std::vector<object*>& all) {
  for (auto* o : all) kfree_rcu(o, rcu);
}

inline void in_threads(int n, const std::function<void(int)>& body) {
  std::vector<std::thread> running;
  for (int i = 0; i != n; ++i) running.emplace_back(body, i);
  for (auto& t : running) t.join();
}

// Runs a function inside a callback, and waits for it.
inline void in_callback(const std::function<void()>& body) {
  struct posted {
    rcu_head rcu = {};
    std::function<void()> body;
  } post;
  post.body = body;
  call_rcu(&post.rcu, [](rcu_head* head) { reinterpret_cast<posted*>(head)->body(); });
  rcu_barrier();
}

// Makes the rest of a test run in a process of its own, whose settings are read from this
// environment: EXPECT_ALONE({{"GRACESLAB_DESTROY", "wait"}}, { ...; ok }).
inline void alone_with(const std::vector<std::pair<const char*, const char*>>& environment) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const auto& [name, value] : environment) setenv(name, value, 1);
}
// In that process: 0 when nothing failed so far.
[[noreturn]] inline void end_alone() { std::_Exit(testing::Test::HasFailure() ? 1 : 0); }

}  // namespace watched
