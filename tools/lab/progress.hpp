// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Progress on standard error: one line that is written over on a terminal, plain lines elsewhere.
#pragma once
#include <fmt/core.h>

#include <string>
#include <utility>

namespace graceslab::lab {

class progress {
 public:
  progress();
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  // A step that a log should have.
  template <class... Args>
  void step(fmt::format_string<Args...> format, Args&&... args) {
    show(fmt::format(format, std::forward<Args>(args)...), true);
  }
  // One that only someone who watches wants to see.
  template <class... Args>
  void detail(fmt::format_string<Args...> format, Args&&... args) {
    show(fmt::format(format, std::forward<Args>(args)...), false);
  }

 private:
  void show(const std::string& text, bool always);
  bool terminal_;
};

}  // namespace graceslab::lab
