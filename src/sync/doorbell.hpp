// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How a background thread sleeps without anyone paying for it.
//
// Ringers do a plain publication (a push into an array) and one relaxed load. The sleeper says
// "asleep", heavy-fences, looks for work once more, and only then sleeps: the fence is on the side
// that runs rarely. Ordering page: docs/ordering/doorbell.md
#pragma once
#include <cstdint>

#include "sync/event.hpp"

namespace graceslab::sync {

class doorbell {
 public:
  // Ringer: after publishing work. One relaxed load unless the sleeper is asleep.
  void ring() noexcept;
  // Sleeper, with no lock held: `has_work` is called after the fence; returns at once when it says
  // true. False on time-out.
  bool sleep(bool (*has_work)(void*), void* arg, std::uint64_t timeout_ms) noexcept;
  void reset_in_child() noexcept;

 private:
  std::uint32_t asleep_ = 0;
  event event_;
};

}  // namespace graceslab::sync
