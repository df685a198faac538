// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reports: one write each, counted by kind, through a settable handler. The only place that may
// abort.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstdarg>
#include <cstdint>

#include "base/format.hpp"
#include "os/scratch.hpp"

namespace graceslab::os {

// A report in the making: "graceslab: KIND: text\n", at most 4 KiB and cut at the end, goes out
// when this ends. The text is not on the caller's stack. A line after the first begins with two
// spaces.
class draft {
 public:
  explicit draft(gs_report kind) noexcept;
  ~draft();
  draft(const draft&) = delete;
  draft& operator=(const draft&) = delete;

  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept;
  [[gnu::format(printf, 2, 0)]] void add_list(const char* format, va_list arguments) noexcept {
    out_.add_list(format, arguments);
  }
  // For describers: describe(text, bytes) writes a text that ends with a zero.
  template <class Describe>
  void add_from(Describe describe) noexcept {
    out_.add_from(describe);
  }

 private:
  gs_report kind_;
  scratch room_;
  base::writer out_;
};

// Formats "graceslab: KIND: text\n" (at most 4 KiB, cut at the end) and hands it to the handler.
// Keeps errno. Aborts afterwards only with GRACESLAB_ON_VIOLATION=abort and only for contract
// violations (not stalls, faults, config).
[[gnu::format(printf, 2, 3)]] void report(gs_report kind, const char* format, ...) noexcept;

const char* report_name(gs_report kind) noexcept;  // "double-free"; "unknown" outside the table
std::uint64_t report_count(gs_report kind) noexcept;
std::uint64_t reports_unsaid() noexcept;  // written nowhere: full, gone, or a flood
void set_report_handler(gs_report_handler handler, void* arg) noexcept;  // nullptr: standard error

// What is left when exit() cannot go on: without handlers, and nothing is written out.
[[noreturn]] void end_process(int status) noexcept;

// SLAB_PANIC: the one user-chosen abort.
[[noreturn]] void panic(const char* why) noexcept;

}  // namespace graceslab::os
