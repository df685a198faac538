// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/clock.hpp"

#include <graceslab/detail/atomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "os/futex.hpp"
#include "os/keep_errno.hpp"

namespace graceslab::os {
namespace {

// One word, so that a switch is one store. Top bit: time stands still. Rest: the standing time in
// ms, or what to add to the real time (63 bits, signed).
constexpr std::uint64_t standing = std::uint64_t{1} << 63;
std::uint64_t state;
std::uint32_t jumps;

std::uint64_t ns_of(clockid_t clock) noexcept {
  keep_errno keep;
  timespec t{};
  // unused result: these clocks exist wherever the library starts
  clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(t.tv_nsec);
}

std::uint64_t ms_of(clockid_t clock) noexcept { return ns_of(clock) / 1'000'000; }

std::uint64_t read(std::uint64_t word, clockid_t clock = CLOCK_MONOTONIC) noexcept {
  if (word & standing) return word & ~standing;
  const auto offset = static_cast<std::int64_t>(word << 1) >> 1;
  return ms_of(clock) + static_cast<std::uint64_t>(offset);
}

void jump() noexcept {
  // ORDER clock.jump <-> clock.sleep   (docs/ordering/os.md, claim 3)
  // A sleeper that read the count before this finds it changed and reads the clock again.
  gs_fetch_add(&jumps, 1u);
  futex_wake(&jumps, INT_MAX);
}

}  // namespace

std::uint64_t now_ns() noexcept { return ns_of(CLOCK_MONOTONIC); }

std::uint64_t thread_cpu_ns() noexcept { return ns_of(CLOCK_THREAD_CPUTIME_ID); }

std::uint64_t now_ms() noexcept { return read(gs_load_relaxed(&state)); }
std::uint64_t coarse_ms() noexcept { return read(gs_load_relaxed(&state), CLOCK_MONOTONIC_COARSE); }

void sleep_us(std::uint64_t us) noexcept {
  keep_errno keep;
  timespec t{static_cast<time_t>(us / 1'000'000), static_cast<long>(us % 1'000'000 * 1000)};
  // The system call itself: nanosleep() is a cancellation point.
  // unused result: a signal may shorten it, callers poll
  syscall(SYS_nanosleep, &t, nullptr);
}

void set_clock_virtual(bool on) noexcept {
  std::uint64_t word = gs_load_relaxed(&state);
  std::uint64_t wanted;
  do {
    if (((word & standing) != 0) == on) return;
    wanted = on ? (read(word) | standing) : (read(word) - ms_of(CLOCK_MONOTONIC)) & ~standing;
  } while (!gs_compare_exchange(&state, &word, wanted));
  jump();
}

void advance_clock(std::uint64_t ms) noexcept {
  std::uint64_t word = gs_load_relaxed(&state);
  while (!gs_compare_exchange(&state, &word, (word & standing) | ((word + ms) & ~standing))) {
  }
  jump();
}

bool clock_is_virtual() noexcept { return (gs_load_relaxed(&state) & standing) != 0; }

std::uint32_t* clock_jumps() noexcept { return &jumps; }

}  // namespace graceslab::os
