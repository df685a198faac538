// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/report.hpp"

#include <graceslab/detail/atomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "base/format.hpp"
#include "os/config.hpp"
#include "os/keep_errno.hpp"

namespace graceslab::os {
namespace {

constexpr std::size_t report_bytes = 4096;

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

// Not write(): that is a cancellation point, and reports come out of functions that must not be
// one.
void to_standard_error(const char* text, std::size_t bytes) noexcept {
  while (syscall(SYS_write, STDERR_FILENO, text, bytes) < 0 && errno == EINTR) {
  }
}

void deliver(gs_report kind, const char* text, std::size_t bytes) noexcept {
  // ORDER report.deliver <-> report.handler   (docs/ordering/os.md, claim 2)
  sink* to = gs_load_acquire(&current);
  if (to)
    gs_load_relaxed (&to->handler)(kind, text, bytes, gs_load_relaxed(&to->arg));
  else
    to_standard_error(text, bytes);
}

}  // namespace

const char* report_name(gs_report kind) noexcept {
  return known(kind) ? kinds[kind].name : "unknown";
}

std::uint64_t report_count(gs_report kind) noexcept {
  return known(kind) ? gs_load_relaxed(&counts[kind]) : 0;
}

void set_report_handler(gs_report_handler handler, void* arg) noexcept {
  sink* to = nullptr;
  if (handler) {
    to = &ring[gs_fetch_add_relaxed(&ring_next, 1u) % sinks];
    gs_store_relaxed(&to->handler, handler);
    gs_store_relaxed(&to->arg, arg);
  }
  // ORDER report.handler <-> report.deliver   (docs/ordering/os.md, claim 2)
  gs_store_release(&current, to);
}

void report(gs_report kind, const char* format, ...) noexcept {
  if (!known(kind)) return;
  keep_errno keep;
  char text[report_bytes];
  base::writer out(text, sizeof text - 1);  // the newline always fits
  out.add("graceslab: %s: ", kinds[kind].name);
  va_list arguments;
  va_start(arguments, format);
  out.add_list(format, arguments);
  va_end(arguments);
  std::size_t bytes = out.written();
  text[bytes++] = '\n';
  text[bytes] = '\0';
  gs_fetch_add_relaxed(&counts[kind], std::uint64_t{1});
  deliver(kind, text, bytes);
  if (kinds[kind].violation && gs_load_relaxed(&settings.abort_on_violation)) std::abort();
}

void panic(const char* why) noexcept {
  char text[report_bytes];
  base::writer out(text, sizeof text);
  out.add("graceslab: panic: %s\n", why);
  to_standard_error(text, out.written());
  std::abort();
}

}  // namespace graceslab::os
