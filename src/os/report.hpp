// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reports: one write each, counted by kind, through a settable handler. The only place that may
// abort.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstdarg>
#include <cstdint>

namespace graceslab::os {

// Formats "graceslab: KIND: text\n" (at most 4 KiB, cut at the end) and hands it to the handler.
// Keeps errno. Aborts afterwards only with GRACESLAB_ON_VIOLATION=abort and only for contract
// violations (not stalls, faults, config).
[[gnu::format(printf, 2, 3)]] void report(gs_report kind, const char* format, ...) noexcept;

const char* report_name(gs_report kind) noexcept;  // "double-free"; "unknown" outside the table
std::uint64_t report_count(gs_report kind) noexcept;
void set_report_handler(gs_report_handler handler, void* arg) noexcept;  // nullptr: standard error

// SLAB_PANIC: the one user-chosen abort.
[[noreturn]] void panic(const char* why) noexcept;

}  // namespace graceslab::os
