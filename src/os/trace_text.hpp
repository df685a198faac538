// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The trace as lines of text, for `graceslab trace` (docs/guide/tracing.md has the form).
#pragma once
#include "os/trace.hpp"

namespace graceslab::os {

// Made line by line, so that nothing of it is kept; may be copied half way.
class trace_text {
 public:
  static constexpr std::size_t line_bytes = 400;  // no line is longer, its end included
  // The next line, ended by a newline; 0: that was all. `bytes` is line_bytes at least.
  std::size_t next(char* text, std::size_t bytes) noexcept;

 private:
  enum class part { head, events, functions, threads, end, done };
  static constexpr unsigned named_most = 64;  // of each kind

  std::size_t event(char* text, std::size_t bytes) noexcept;
  void note_names(const trace_entry& e) noexcept;

  part part_ = part::head;
  trace_walk walk_;
  std::uint64_t events_ = 0;
  unsigned functions_ = 0, threads_ = 0, told_ = 0;
  std::uint64_t function_[named_most] = {};
  std::uint32_t thread_[named_most] = {};
};

// All of it to a file descriptor. 0; -ENOENT: nothing is recorded here; or the error of a write.
int dump_trace(int file) noexcept;

}  // namespace graceslab::os
