// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How a background thread sleeps without anyone paying for it.
//
// Ringers do a plain publication (a push into an array) and one relaxed load. The sleeper says
// "asleep", heavy-fences, looks for work once more, and only then sleeps: the fence is on the side
// that runs rarely. A sleeper with nothing to do may leave in the same way, and whoever rings then
// is told that nobody is there. Ordering page: docs/ordering/doorbell.md
#pragma once
#include <cstdint>

#include "sync/event.hpp"

namespace graceslab::sync {

class doorbell {
 public:
  enum class attended { by_someone, by_nobody };
  constexpr explicit doorbell(attended at_first = attended::by_someone) noexcept
      : asleep_(at_first == attended::by_nobody ? nobody : awake) {}

  // Ringer: after publishing work. One relaxed load unless the sleeper is asleep. False: nobody is
  // there, and the caller is to see to it that somebody arrives.
  bool ring() noexcept;
  // Sleeper, with no lock held: `has_work` is called after the fence; returns at once when it says
  // true. False on time-out.
  bool sleep(bool (*has_work)(void*), void* arg, std::uint64_t timeout_ms) noexcept;
  // Sleeper, with nothing to do: from now on nobody is there. False: there is work after all, and
  // nobody else has come for it, so the caller stays.
  bool leave(bool (*has_work)(void*), void* arg) noexcept;
  // True for one of those who found nobody: it starts the next sleeper, or says that none came.
  bool arrive() noexcept;
  void never_came() noexcept;
  void reset_in_child() noexcept;  // nobody is there

 private:
  enum : std::uint32_t { awake, asleep, nobody };
  std::uint32_t asleep_;
  event event_;
};

}  // namespace graceslab::sync
