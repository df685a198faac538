// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The end of the process: when it began, until when anybody waits, and what becomes of a wait that
// cannot end. Page: docs/ordering/exit.md
#pragma once
#include <cstdint>

#include "os/futex.hpp"

namespace graceslab::os {

// True from the first handler of ours that exit() runs; they run in reverse order of registration,
// so the ones registered last come before the hooks of os/hooks.hpp.
bool exit_begun() noexcept;
// Objects of static lifetime that exist already will find exit_begun() true in their destructors.
// Cheap enough for slow paths; may be called any number of times.
void watch_for_exit() noexcept;
// False: the C library refused.
bool watch_for_exit_now() noexcept;

// The one deadline of exit (real time, ns), fixed by the first who asks; 0: the policy is strict.
std::uint64_t exit_deadline_ns() noexcept;

// exit() was called in a signal handler that interrupted the library in this very thread, or in a
// child that was forked there: nothing is waited for any more. To be asked by exit's own steps,
// with nothing of theirs in hand.
bool exit_cut_short() noexcept;
// This process was forked in a signal handler that interrupted the library: other threads' locks
// stay held for ever. Says so to the waits below.
void be_forlorn() noexcept;
bool is_forlorn() noexcept;

// Either of the two has been found out.
bool was_interrupted() noexcept;

// Whether waits of this thread are limited: in exit(), and in a process as above.
bool waits_are_limited() noexcept;

// The wait of one thread for a short step of another, such as a lock. In exit() it ends the
// process, with a report, half a second of waiting after the deadline: whoever should take the step
// is this thread itself, interrupted by a handler, or never will.
class short_wait {
 public:
  explicit constexpr short_wait(const char* for_what, unsigned rank = 0) noexcept
      : for_what_(for_what), rank_(rank) {}
  // For something that may take its time. Ends the process only where exit was cut short.
  static constexpr short_wait of_any_length(const char* for_what) noexcept {
    short_wait w(for_what);
    w.long_ = true;
    return w;
  }
  // Sleeps while the word is that.
  void on(std::uint32_t* word, std::uint32_t value, std::uint64_t timeout_ms = forever_ms) noexcept;
  void nap(std::uint64_t us) noexcept;                                  // sleeps
  void check(std::uint64_t asked_us, std::uint64_t began_ns) noexcept;  // slept somewhere else

 private:
  bool is_limited() const noexcept;
  [[noreturn]] void give_up() const noexcept;

  const char* for_what_;
  unsigned rank_;
  bool long_ = false;
  std::uint64_t slept_us_ = 0;  // since the deadline; see exit.cpp for the long ones
};

}  // namespace graceslab::os
