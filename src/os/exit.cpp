// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/exit.hpp"

#include <graceslab/detail/atomic.h>
#include <unistd.h>

#include <cstdlib>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/futex.hpp"
#include "os/handlers.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/midway.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"

extern "C" {
extern void* __dso_handle __attribute__((visibility("hidden")));
int __cxa_thread_atexit_impl(void (*run)(void*), void* arg, void* dso);
}

namespace graceslab::os {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::uint64_t us_per_ms = 1000;
constexpr std::uint64_t nap_us = 5'000;
// Counted in sleeps that took their time, not by the clock: a machine that stood still past the
// deadline still gives the holder of a lock the time to drop it.
constexpr std::uint64_t slept_most_us = 500'000;

// Atomic, all of them.
std::uint32_t begun;        // exit() runs a handler of ours
std::uint32_t forlorn;      // forked where the library was interrupted
std::uint32_t cut_short;    // exit() was called there
std::uint32_t watches;      // how often watch_for_exit() was called
std::uint64_t deadline_ns;  // 0: nobody has waited yet
int exit_status = EXIT_FAILURE;
// By waits of any length, which may come one after the other without end.
__thread std::uint64_t slept_long_us __attribute__((tls_model("initial-exec")));
__thread bool exits_here __attribute__((tls_model("initial-exec")));

// The policy aside.
std::uint64_t limit_ns() noexcept {
  std::uint64_t known = gs_load_relaxed(&deadline_ns);
  if (known != 0) return known;
  const std::uint64_t fresh = now_ns() + gs_load_relaxed(&settings.exit_ms) * ns_per_ms;
  return gs_compare_exchange(&deadline_ns, &known, fresh) ? fresh : known;
}

bool is_strict() noexcept { return gs_load_relaxed(&settings.at_exit) == exit_policy::strict; }

void note_exit(int status, void*) noexcept {
  gs_store_relaxed(&exit_status, status);
  if (!exits_here && gs_load_relaxed(&begun) == 0) {  // what is known was of a thread that ended
    gs_store_relaxed(&deadline_ns, std::uint64_t{0});
    gs_store_relaxed(&cut_short, 0u);
  }
  exits_here = true;
  gs_store_relaxed(&begun, 1u);
  (void)exit_cut_short();
}

// Destructors of thread-local objects are what exit() runs first of all, before any handler that
// the program registered after ours. For the main thread alone: others run them when they end. The
// main thread may end, too, and the process go on; so this says something about this thread only.
void note_main(void*) noexcept { exits_here = true; }

[[gnu::constructor(102)]] void start_exit() noexcept {
  keep_errno keep;
  if (tid() == static_cast<std::uint32_t>(getpid()))
    // unused result: then exit is noticed by handlers alone, and later
    (void)__cxa_thread_atexit_impl(note_main, nullptr, &__dso_handle);
  (void)watch_for_exit_now();
}

}  // namespace

bool exit_begun() noexcept {
  return exits_here || gs_load_relaxed(&begun) != 0 || process_exiting();
}

bool watch_for_exit_now() noexcept { return add_exit_handler(note_exit); }

// Handlers cost memory of the C library: every one of the first few, then fewer and fewer.
void watch_for_exit() noexcept {
  constexpr std::uint32_t all_of_the_first = 64;
  const std::uint32_t n = gs_fetch_add_relaxed(&watches, 1u);
  if (n < all_of_the_first || (n & (n - 1)) == 0) (void)watch_for_exit_now();
}

std::uint64_t exit_deadline_ns() noexcept { return is_strict() ? 0 : limit_ns(); }

bool exit_cut_short() noexcept {
  if (is_forlorn() || is_midway()) gs_store_relaxed(&cut_short, 1u);
  return gs_load_relaxed(&cut_short) != 0;
}

void be_forlorn() noexcept { gs_store_relaxed(&forlorn, 1u); }
bool is_forlorn() noexcept { return gs_load_relaxed(&forlorn) != 0; }

bool was_interrupted() noexcept {
  return (gs_load_relaxed(&forlorn) | gs_load_relaxed(&cut_short)) != 0;
}

bool waits_are_limited() noexcept {
  if (GS_UNLIKELY(is_forlorn())) return true;
  return exits_here && (!is_strict() || gs_load_relaxed(&cut_short) != 0);
}

bool short_wait::is_limited() const noexcept {
  return waits_are_limited() && (!long_ || was_interrupted());
}

void short_wait::on(std::uint32_t* word, std::uint32_t value, std::uint64_t timeout_ms) noexcept {
  // A wait that ends by itself is limited only where many of them may come without end.
  const bool ends = timeout_ms != forever_ms && gs_load_relaxed(&cut_short) == 0;
  if (GS_LIKELY(!is_limited()) || ends) {
    futex_wait(word, value, timeout_ms);
    return;
  }
  const std::uint64_t began_ns = now_ns();
  const std::uint64_t us = timeout_ms < nap_us / us_per_ms ? timeout_ms * us_per_ms : nap_us;
  futex_nap_us(word, value, us);
  check(us, began_ns);
}

void short_wait::nap(std::uint64_t us) noexcept {
  const std::uint64_t began_ns = now_ns();
  sleep_us(us);
  check(us, began_ns);
}

// A sleep that somebody ended early is no sign that nobody moves.
void short_wait::check(std::uint64_t asked_us, std::uint64_t began_ns) noexcept {
  if (GS_LIKELY(!is_limited())) return;
  const std::uint64_t now = now_ns();
  if (now < limit_ns() || now - began_ns < asked_us * 1000) return;
  const bool in_a_row = long_ && gs_load_relaxed(&cut_short) != 0;
  std::uint64_t& slept_us = in_a_row ? slept_long_us : slept_us_;
  slept_us += asked_us;
  if (slept_us >= slept_most_us) give_up();
}

void short_wait::give_up() const noexcept {
  char which[32] = "";
  if (rank_ != 0) base::writer(which, sizeof which).add(" of rank %u", rank_);
  const char* why = is_forlorn() ? "it was forked in a signal handler that interrupted the library"
                    : gs_load_relaxed(&cut_short) != 0
                        ? "exit() was called in a signal handler that interrupted the library"
                        : "the deadline of exit has passed";
  report(is_forlorn() ? GS_REPORT_STALL : GS_REPORT_EXIT_UNDRAINED,
         "thread %u waits for %s%s that nobody gives up: %s; the process ends here, by _exit(%d)",
         tid(), for_what_, which, why, gs_load_relaxed(&exit_status));
  end_process(gs_load_relaxed(&exit_status));
}

}  // namespace graceslab::os
