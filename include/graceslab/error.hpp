// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Results and reports. Three kinds of error: a contract violation is reported and leaks; lack of
// resource is returned, only from create and allocate; a system refusal is decided once at start
// and shown by `graceslab config`.
#pragma once
#if __cplusplus < 202002L  // every C++ header comes here first
#error "graceslab: <graceslab/*.hpp> need C++20 (-std=c++20); <graceslab/kernel/*.h> need C++11"
#endif

#include <cerrno>
#include <cstdint>
#include <string_view>

#include "detail/abi.h"

namespace graceslab {

enum class errc : int {
  ok = 0,
  busy,            // objects are still out, or the splat limit passed
  would_deadlock,  // asked to wait for oneself: inside a reader or a callback
  no_memory,
  closed,  // the domain or cache no longer takes work
};

/// What 0 or a negative error number of the C face is called here. Any context, never fails.
constexpr errc to_errc(int result) noexcept {
  return result == 0 ? errc::ok : result == -EDEADLK ? errc::would_deadlock : errc::busy;
}

using report_kind = gs_report;

/// The word that stands for a kind in the text of a report: "double-free".
/// Waits for nothing, any context, never blocks or fails.
inline std::string_view report_name(report_kind kind) noexcept { return gs_report_name(kind); }

/// How often a kind was reported since the process began. Any context, never blocks or fails.
inline std::uint64_t report_count(report_kind kind) noexcept { return gs_report_count(kind); }

/// Replaces the writer of reports (one `write` to standard error); nullptr restores it.
/// The handler runs on the thread and at the place where the misuse was found, possibly inside a
/// reader or callback. Another thread may be in the old one still, with its argument, when this
/// returns.
inline void set_report_handler(gs_report_handler handler, void* arg = nullptr) noexcept {
  gs_report_set_handler(handler, arg);
}

namespace detail {

/// Throws E; where exceptions are switched off, ends the process with a report that says `why`.
/// Internal: units with and without exceptions may be linked together.
template <class E>
[[noreturn, gnu::cold]] static inline void fail([[maybe_unused]] const char* why) {
#if defined(__cpp_exceptions)
  throw E();
#else
  gs_panic(why);
#endif
}

}  // namespace detail

}  // namespace graceslab
