// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Collects reports instead of writing them, for the length of a scope.
#pragma once
#include <graceslab/error.hpp>
#include <mutex>
#include <string>
#include <vector>

class reports_seen {
 public:
  reports_seen() {
    listen(this);
    graceslab::set_report_handler(&reports_seen::take, this);
  }
  ~reports_seen() {
    graceslab::set_report_handler(nullptr);
    listen(nullptr);
  }
  reports_seen(const reports_seen&) = delete;
  reports_seen& operator=(const reports_seen&) = delete;

  std::size_t of(gs_report kind) const {
    std::lock_guard guard(lock_);
    std::size_t n = 0;
    for (const auto& [k, text] : seen_) n += k == kind;
    return n;
  }
  std::size_t all() const {
    std::lock_guard guard(lock_);
    return seen_.size();
  }
  // All their texts, one after the other.
  std::string text() const {
    std::lock_guard guard(lock_);
    std::string joined;
    for (const auto& [k, text] : seen_) joined += text;
    return joined;
  }

 private:
  static void listen(reports_seen* who) {
    std::lock_guard guard(lock_);
    listening_ = who;
  }
  static void take(gs_report kind, const char* text, std::size_t bytes, void* arg) {
    auto* self = static_cast<reports_seen*>(arg);
    std::lock_guard guard(lock_);
    if (listening_ == self) self->seen_.emplace_back(kind, std::string(text, bytes));
  }
  // Another thread may be about to report to one that has ended.
  inline static std::mutex lock_;
  inline static reports_seen* listening_ = nullptr;
  std::vector<std::pair<gs_report, std::string>> seen_;
};
