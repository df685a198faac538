// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Catches the library's reports while it lives: an approach that keeps its promise causes none.
#pragma once
#include <graceslab/detail/abi.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace graceslab::lab {

class report_catcher {
 public:
  report_catcher() { gs_report_set_handler(&report_catcher::caught, this); }
  ~report_catcher() { gs_report_set_handler(nullptr, nullptr); }
  report_catcher(const report_catcher&) = delete;
  report_catcher& operator=(const report_catcher&) = delete;

  std::vector<std::string> take() {
    std::lock_guard<std::mutex> hold(lock_);
    return std::exchange(texts_, {});
  }

  // The same, cut to what a page or a table has room for.
  std::vector<std::string> first_few() {
    std::vector<std::string> all = take();
    if (all.size() > 5) all.resize(5);
    return all;
  }

 private:
  static void caught(gs_report, const char* text, std::size_t bytes, void* self) {
    report_catcher& c = *static_cast<report_catcher*>(self);
    std::lock_guard<std::mutex> hold(c.lock_);
    std::string line(text, bytes);
    c.texts_.push_back(line.substr(0, line.find('\n')));
  }
  std::mutex lock_;
  std::vector<std::string> texts_;
};

}  // namespace graceslab::lab
