// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/report.hpp"

#include <graceslab/detail/atomic.h>

#include <cstdlib>

#include "base/format.hpp"
#include "os/config.hpp"
#include "os/flood.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/standard_error.hpp"

namespace graceslab::os {
namespace {

struct kind_row {
  const char* name;
  bool violation;  // the program broke the contract: GRACESLAB_ON_VIOLATION applies
};

constexpr kind_row kinds[] = {
    {"foreign-pointer", true},
    {"wrong-cache", true},
    {"double-free", true},
    {"double-retire", true},
    {"retire-of-freed", true},
    {"free-of-retired", true},
    {"corrupt-object", true},
    {"bad-cache-arguments", true},
    {"stale-handle", true},
    {"zero-with-constructor", true},
    {"destroy-with-objects", true},
    {"late-free", true},
    {"leak", true},
    {"double-callback", true},
    {"synchronize-in-reader", true},
    {"barrier-in-reader", true},
    {"barrier-in-callback", true},
    {"wait-in-callback", true},
    {"unlock-without-lock", true},
    {"nesting-overflow", true},
    {"thread-ended-in-reader", true},
    {"stall", false},
    {"domain-busy", true},
    {"closed-domain", true},
    {"rearming-callback", false},
    {"owner-unloaded", true},
    {"early-reclaim", true},
    {"over-limit", false},
    {"no-thread", false},
    {"no-fence", false},
    {"exit-undrained", false},
    {"layout-mismatch", true},
    {"bad-config", false},
    {"object", false},
    {"no-memory", false},
    {"no-record", false},
    {"wait-unproved", true},
    {"bad-linkage", false},
    {"wait-in-constructor", true},
    {"use-of-freed", true},
    {"thread-ended-in-callback", true},
    {"trace", false},
    {"leaks-at-exit", false},
    {"no-observer", false},
    {"use-after-free", true},
    {"use-after-grace-period", true},
    {"out-of-bounds", true},
};
static_assert(sizeof kinds / sizeof kinds[0] == GS_REPORT_KINDS);

std::uint64_t counts[GS_REPORT_KINDS];

// A handler and its argument must be read as a pair, without a lock (a report may come from
// anywhere, also while a process forks): each setting goes into the next place of a ring and is
// published by one pointer. A pair can be torn only when `sinks` settings happen during one
// report's two loads.
struct sink {
  gs_report_handler handler;
  void* arg;
};
constexpr std::uint32_t sinks = 64;
sink ring[sinks];
std::uint32_t ring_next;
sink* current;  // nullptr: standard error

bool known(gs_report kind) noexcept { return static_cast<unsigned>(kind) < GS_REPORT_KINDS; }

constexpr std::size_t tail_bytes = 88;  // what is added to a line on standard error

// Names come from outside: what would begin a line of its own, or drive a terminal, becomes a '?'.
// Our own lines after the first are indented.
void disarm(char* text, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i != bytes; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool continues = c == '\n' && i + 2 < bytes && text[i + 1] == ' ' && text[i + 2] == ' ';
    if ((c < ' ' && !continues) || c == 0x7f) text[i] = '?';
  }
}

// Reports that were never written, and how many of them a later one has told of.
std::uint64_t unsaid, told;

std::uint64_t untold() noexcept { return gs_load_relaxed(&unsaid) - gs_load_relaxed(&told); }

void to_standard_error(const char* text, std::size_t bytes, std::uint64_t tells) noexcept {
  if (write_standard_error(text, bytes))
    gs_fetch_add_relaxed(&told, tells);
  else
    gs_fetch_add_relaxed(&unsaid, std::uint64_t{1});
}

// `text` ends with a newline, and has tail_bytes behind it.
void say(gs_report kind, char* text, std::size_t bytes) noexcept {
  std::uint64_t held = 0;
  if (kind != GS_REPORT_TRACE && !flood_admits(kind, text, bytes, &held)) {
    gs_fetch_add_relaxed(&unsaid, std::uint64_t{1});
    return;
  }
  const std::uint64_t lost = untold();
  base::writer tail(text + bytes - 1, tail_bytes);
  if (held != 0)
    tail.add("\n  (and %llu like it since the last one)", static_cast<unsigned long long>(held));
  if (lost > held)
    tail.add("\n  (%llu reports before were not written)", static_cast<unsigned long long>(lost));
  tail.add("\n");
  to_standard_error(text, bytes - 1 + tail.written(), lost);
}

void say_what_was_not() noexcept {
  const std::uint64_t lost = untold();
  if (lost == 0) return;
  scratch room;
  base::writer out(room.text(), room.bytes());
  out.add("graceslab: unsaid: %llu reports were not written\n",
          static_cast<unsigned long long>(lost));
  to_standard_error(room.text(), out.written(), lost);
}

void deliver(gs_report kind, char* text, std::size_t bytes) noexcept {
  // ORDER report.deliver <-> report.handler   (docs/ordering/os.md, claim 2)
  sink* to = gs_load_acquire(&current);
  if (to)
    gs_load_relaxed (&to->handler)(kind, text, bytes, gs_load_relaxed(&to->arg));
  else
    say(kind, text, bytes);
}

constexpr int exit_rank = 1000;  // after all that may still report

[[gnu::constructor(101)]] void start_reports() noexcept {
  adopt_standard_error();
  on_process_exit(exit_rank, say_what_was_not);
}

}  // namespace

const char* report_name(gs_report kind) noexcept {
  return known(kind) ? kinds[kind].name : "unknown";
}

std::uint64_t report_count(gs_report kind) noexcept {
  return known(kind) ? gs_load_relaxed(&counts[kind]) : 0;
}

std::uint64_t reports_unsaid() noexcept { return gs_load_relaxed(&unsaid); }

void set_report_handler(gs_report_handler handler, void* arg) noexcept {
  sink* to = nullptr;
  if (handler) {
    to = &ring[gs_fetch_add_relaxed(&ring_next, 1u) % sinks];
    gs_store_relaxed(&to->handler, handler);
    gs_store_relaxed(&to->arg, arg);
  } else {
    adopt_standard_error();
  }
  // ORDER report.handler <-> report.deliver   (docs/ordering/os.md, claim 2)
  gs_store_release(&current, to);
}

draft::draft(gs_report kind) noexcept
    : kind_(kind), out_(room_.text(), room_.bytes() - tail_bytes - 1) {
  out_.add("graceslab: %s: ", report_name(kind));
}

void draft::add(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  out_.add_list(format, arguments);
  va_end(arguments);
}

draft::~draft() {
  if (!known(kind_)) return;
  keep_errno keep;
  std::size_t bytes = out_.written();
  disarm(room_.text(), bytes);
  room_.text()[bytes++] = '\n';
  room_.text()[bytes] = '\0';
  gs_fetch_add_relaxed(&counts[kind_], std::uint64_t{1});
  deliver(kind_, room_.text(), bytes);
  if (kinds[kind_].violation && gs_load_relaxed(&settings.abort_on_violation)) std::abort();
}

void report(gs_report kind, const char* format, ...) noexcept {
  keep_errno keep;
  draft text(kind);
  va_list arguments;
  va_start(arguments, format);
  text.add_list(format, arguments);
  va_end(arguments);
}

void end_process(int status) noexcept { _Exit(status); }

void panic(const char* why) noexcept {
  scratch room;
  base::writer out(room.text(), room.bytes());
  out.add("graceslab: panic: %s\n", why);
  to_standard_error(room.text(), out.written(), 0);
  std::abort();
}

}  // namespace graceslab::os
