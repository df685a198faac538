// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The lock of this layer's own tables; the layers above use sync::mutex. Leaves: nothing of ours is
// taken under one. Ordering page: docs/ordering/os.md
#pragma once
#include <graceslab/detail/atomic.h>

#include <cstdint>

#include "os/exit.hpp"
#include "os/futex.hpp"
#include "os/midway.hpp"

namespace graceslab::os {

class word_lock {
 public:
  void lock() noexcept {
    if (try_lock()) return;
    enter_midway();
    short_wait wait("a lock of the system layer");
    // ORDER word_lock.take <-> word_lock.drop   (docs/ordering/os.md, claim 1)
    while (gs_exchange_acquire(&word_, 2u) != 0) wait.on(&word_, 2);
  }

  // ORDER word_lock.take <-> word_lock.drop   (docs/ordering/os.md, claim 1)
  // Taking reads the zero that the last holder stored, hence sees all it wrote.
  bool try_lock() noexcept {
    std::uint32_t free = 0;
    enter_midway();
    if (gs_compare_exchange(&word_, &free, 1u)) return true;
    leave_midway();
    return false;
  }

  void unlock() noexcept {
    // ORDER word_lock.drop <-> word_lock.take   (docs/ordering/os.md, claim 1)
    if (gs_exchange(&word_, 0u) == 2) futex_wake(&word_, 1);
    leave_midway();
  }

  void reset_in_child() noexcept { gs_store_relaxed(&word_, 0u); }

 private:
  std::uint32_t word_ = 0;  // 0 free, 1 held, 2 held and somebody may sleep
};

class word_guard {
 public:
  explicit word_guard(word_lock& lock) noexcept : lock_(lock) { lock_.lock(); }
  ~word_guard() { lock_.unlock(); }
  word_guard(const word_guard&) = delete;
  word_guard& operator=(const word_guard&) = delete;

 private:
  word_lock& lock_;
};

}  // namespace graceslab::os
