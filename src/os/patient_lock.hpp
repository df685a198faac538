// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the C library does for us under locks of its own, and a fork. A child inherits such a lock
// for ever when another thread holds it, so whoever forks takes ours first.
//
// - Context: nobody waits without end, here or at a fork. The holder may be inside an allocator of
//   the program's, which waits for us, or below a handler that forks.
// - Legal moves: a fork that waited in vain, and a user that did, go on without the lock.
#pragma once
#include "os/clock.hpp"
#include "os/thread.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {

// False: the condition was not met within a second.
template <class Condition>
bool in_time(Condition met) noexcept {
  constexpr std::uint64_t patience_ns = 1'000'000'000;
  for (const std::uint64_t began_ns = now_ns(); !met(); sleep_us(20))
    if (now_ns() - began_ns > patience_ns) return false;
  return true;
}

class patient_lock {
 public:
  bool take() noexcept {
    return in_time([this] { return word_.try_lock(); });
  }
  void drop() noexcept { word_.unlock(); }

  // For the handlers of a fork. Several threads may be at it, of which one has the lock.
  void hold_for_fork() noexcept {
    if (take()) gs_store_relaxed(&forker_, tid());
  }
  void drop_in_parent() noexcept {
    if (gs_load_relaxed(&forker_) != tid()) return;
    gs_store_relaxed(&forker_, 0u);
    drop();
  }
  void reset_in_child() noexcept {
    gs_store_relaxed(&forker_, 0u);
    word_.reset_in_child();
  }

 private:
  word_lock word_;
  std::uint32_t forker_ = 0;
};

// Held while this lives, where it could be had.
class patient_guard {
 public:
  explicit patient_guard(patient_lock& lock) noexcept : lock_(lock), held_(lock.take()) {}
  ~patient_guard() {
    if (held_) lock_.drop();
  }
  patient_guard(const patient_guard&) = delete;
  patient_guard& operator=(const patient_guard&) = delete;

 private:
  patient_lock& lock_;
  bool held_;
};

}  // namespace graceslab::os
