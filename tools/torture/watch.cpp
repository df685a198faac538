// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What counts as trouble besides what the workers see: reports, crashes, a changed errno.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "session.hpp"

namespace graceslab::torture {
namespace {

thread_local expect_report* expected = nullptr;

// A cache that was destroyed with objects out may say so again on whatever thread brings one home;
// callbacks that are refused because their module goes are posted by whatever thread runs them.
bool may_come_from_anywhere(gs_report kind) {
  return kind == GS_REPORT_LATE_FREE || kind == GS_REPORT_LEAK ||
         kind == GS_REPORT_OWNER_UNLOADED || kind == GS_REPORT_REARMING_CALLBACK;
}

char crash_text[160];
std::size_t crash_bytes;

[[maybe_unused]] void crashed(int number) {
  const char digits[3] = {static_cast<char>('0' + number / 10),
                          static_cast<char>('0' + number % 10), '\n'};
  ssize_t ignored = write(STDERR_FILENO, crash_text, crash_bytes);
  ignored = write(STDERR_FILENO, digits, sizeof digits);
  (void)ignored;
  _exit(1);
}

constexpr int kept_errno = EXDEV;  // nothing here sets it

}  // namespace

expect_report::expect_report(gs_report kind) : kind_(kind), outer_(expected) { expected = this; }
expect_report::~expect_report() { expected = outer_; }

report_watch::report_watch(session& s) { gs_report_set_handler(reported, &s); }
report_watch::~report_watch() { gs_report_set_handler(nullptr, nullptr); }

void report_watch::reported(gs_report kind, const char* text, std::size_t bytes, void* self) {
  for (expect_report* e = expected; e != nullptr; e = e->outer_)
    if (e->kind_ == kind) {
      ++e->seen_;
      return;
    }
  if (may_come_from_anywhere(kind)) return;
  std::string line(text, bytes);
  static_cast<session*>(self)->fail(trouble::report, "{}", line.substr(0, line.find('\n')));
}

void watch_for_crashes(std::uint64_t seed) {
  std::string text = fmt::format("torture: crash (seed {}): signal ", seed);
  crash_bytes = std::min(text.size(), sizeof crash_text);
  std::memcpy(crash_text, text.data(), crash_bytes);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  struct sigaction action = {};
  action.sa_handler = crashed;
  for (int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) sigaction(number, &action, nullptr);
#endif
}

keeps_errno::keeps_errno(session& s, const char* what) : session_(s), what_(what) {
  errno = kept_errno;
}
keeps_errno::~keeps_errno() {
  if (errno != kept_errno)
    session_.fail(trouble::errnum, "{} changed errno to {}", what_, std::strerror(errno));
}

}  // namespace graceslab::torture
