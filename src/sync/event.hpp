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
  // At most so long, in real time; may be shorter.
  void nap(std::uint32_t ticket, std::uint64_t us) noexcept;
  void notify_all() noexcept;  // release; no system call without waiters
  void notify_one() noexcept;  // the others learn of it at their next look
  bool has_waiters() const noexcept;
  void reset_in_child() noexcept;

 private:
  void notify(int how_many) noexcept;

  std::uint32_t moved_ = 0;
  std::uint32_t waiters_ = 0;
};

}  // namespace graceslab::sync
