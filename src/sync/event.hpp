// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A counter to sleep on: read the ticket, check the condition, wait for the ticket to move.
#pragma once
#include <cstdint>

#include "os/futex.hpp"

namespace graceslab::sync {

class event {
 public:
  std::uint32_t ticket() const noexcept;                               // acquire
  bool wait(std::uint32_t ticket, std::uint64_t timeout_ms) noexcept;  // false on time-out
  void notify_all() noexcept;  // release; no system call without waiters
  void reset_in_child() noexcept;

 private:
  std::uint32_t moved_ = 0;
  std::uint32_t waiters_ = 0;
};

}  // namespace graceslab::sync
