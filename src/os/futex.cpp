// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Timed sleeps wait for two words at once: the caller's, and the clock's count of jumps, so that a
// test that moves the clock wakes them. Systems without futex_waitv sleep in slices instead.
#include "os/futex.hpp"

#include <graceslab/detail/atomic.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "os/clock.hpp"
#include "os/keep_errno.hpp"
#include "os/sanitizer.hpp"

namespace graceslab::os {
namespace {

enum class woken { by_word, recheck, unsupported };

constexpr std::uint64_t longest_sleep_ms = 1'000'000'000;
constexpr std::uint64_t slice_ms = 50;  // without futex_waitv; 1 ms while the clock stands still

std::uint32_t no_waitv;  // set once the system refused it

long futex(std::uint32_t* word, int operation, std::uint32_t value,
           const timespec* timeout) noexcept {
  return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, timeout, nullptr, 0);
}

timespec to_timespec(std::uint64_t ns) noexcept {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

#if defined(SYS_futex_waitv) && defined(FUTEX_32)
woken wait_for_both(std::uint32_t* word, std::uint32_t expected, std::uint32_t jumps,
                    std::uint64_t ms) noexcept {
  if (gs_load_relaxed(&no_waitv) || sanitized_by(sanitizer_memcheck))  // which would mention it
    return woken::unsupported;
  constexpr std::uint32_t flags = FUTEX_32 | FUTEX_PRIVATE_FLAG;
  struct futex_waitv both[2] = {
      {expected, reinterpret_cast<std::uintptr_t>(word), flags, 0},
      {jumps, reinterpret_cast<std::uintptr_t>(clock_jumps()), flags, 0},
  };
  const timespec until = to_timespec(now_ns() + ms * 1'000'000);
  // While the clock stands still only its jump can end the time-out.
  const timespec* limit = clock_is_virtual() ? nullptr : &until;
  const long which = syscall(SYS_futex_waitv, both, 2, 0, limit, CLOCK_MONOTONIC);
  if (which == 0) return woken::by_word;
  if (which > 0) return woken::recheck;
  if (errno == EINTR) return woken::by_word;
  if (errno == ETIMEDOUT) return woken::recheck;
  if (errno == EAGAIN) return gs_load_relaxed(word) != expected ? woken::by_word : woken::recheck;
  gs_store_relaxed(&no_waitv, 1u);
  return woken::unsupported;
}
#else
woken wait_for_both(std::uint32_t*, std::uint32_t, std::uint32_t, std::uint64_t) noexcept {
  return woken::unsupported;
}
#endif

woken wait_a_slice(std::uint32_t* word, std::uint32_t expected, std::uint64_t ms) noexcept {
  const std::uint64_t most = clock_is_virtual() ? 1 : slice_ms;
  const timespec slice = to_timespec(std::min(ms, most) * 1'000'000);
  if (futex(word, FUTEX_WAIT, expected, &slice) < 0 && errno == ETIMEDOUT) return woken::recheck;
  return woken::by_word;
}

std::uint32_t* low_half(std::uint64_t* word) noexcept {
  constexpr bool comes_first = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  return reinterpret_cast<std::uint32_t*>(word) + (comes_first ? 0 : 1);
}

}  // namespace

bool futex_wait(std::uint32_t* word, std::uint32_t expected, std::uint64_t timeout_ms) noexcept {
  keep_errno keep;
  if (timeout_ms == forever_ms) {
    // unused result: callers look at the word again, whatever ended the sleep
    futex(word, FUTEX_WAIT, expected, nullptr);
    return true;
  }
  const std::uint64_t start = now_ms();
  const std::uint64_t deadline = timeout_ms < forever_ms - start ? start + timeout_ms : forever_ms;
  for (;;) {
    // ORDER clock.sleep <-> clock.jump   (docs/ordering/os.md, claim 3)
    // The count is read before the clock: a jump in between changes the count, and the sleep does
    // not begin.
    const std::uint32_t jumps = gs_load_acquire(clock_jumps());
    const std::uint64_t now = now_ms();
    if (now >= deadline) return gs_load_relaxed(word) != expected;
    const std::uint64_t left = std::min(deadline - now, longest_sleep_ms);
    woken how = wait_for_both(word, expected, jumps, left);
    if (how == woken::unsupported) how = wait_a_slice(word, expected, left);
    if (how == woken::by_word) return true;
  }
}

void futex_nap_us(std::uint32_t* word, std::uint32_t expected, std::uint64_t us) noexcept {
  keep_errno keep;
  const timespec most = to_timespec(us * 1000);
  // unused result: a nap may end early
  futex(word, FUTEX_WAIT, expected, &most);
}

void futex_wake(std::uint32_t* word, int how_many) noexcept {
  keep_errno keep;
  // unused result: how many slept is nobody's concern
  futex(word, FUTEX_WAKE, static_cast<std::uint32_t>(how_many), nullptr);
}

void futex_nap_us(std::uint64_t* word, std::uint64_t expected, std::uint64_t us) noexcept {
  futex_nap_us(low_half(word), static_cast<std::uint32_t>(expected), us);
}

void futex_wake(std::uint64_t* word, int how_many) noexcept {
  futex_wake(low_half(word), how_many);
}

}  // namespace graceslab::os
