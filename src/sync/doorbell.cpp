// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ordering page: docs/ordering/doorbell.md
#include "sync/doorbell.hpp"

#include <graceslab/detail/atomic.h>

#include <algorithm>

#include "os/fence.hpp"

namespace graceslab::sync {
namespace {

// Without any fence a ring can be missed: then sleeping is polling.
constexpr std::uint64_t poll_ms = 10;

}  // namespace

void doorbell::ring() noexcept {
  // ORDER doorbell.ring <-> doorbell.sleep   (docs/ordering/doorbell.md, claims 1 and 2)
  // We publish work, light-fence, then load asleep; the sleeper stores asleep, heavy-fences, then
  // looks for work. If we miss its flag, it finds our work; if it misses our work, we find its
  // flag.
  gs_light_fence();
  if (GS_UNLIKELY(os::readers_fence())) gs_full_fence();
  if (GS_LIKELY(gs_load_relaxed(&asleep_) == 0)) return;
  // One ringer is enough; the others find zero, and the one that took the flag notifies.
  if (gs_exchange(&asleep_, 0u) != 0) event_.notify_all();
}

bool doorbell::sleep(bool (*has_work)(void*), void* arg, std::uint64_t timeout_ms) noexcept {
  const std::uint32_t ticket = event_.ticket();  // before the flag: a ring from here on moves it
  gs_store_relaxed(&asleep_, 1u);
  // ORDER doorbell.sleep <-> doorbell.ring   (docs/ordering/doorbell.md, claims 1 and 2)
  const bool fenced = os::heavy_fence();
  os::report_lost_fence();
  bool rung = has_work(arg);
  if (!rung) {
    const bool poll = !fenced && timeout_ms > poll_ms;
    rung = event_.wait(ticket, fenced ? timeout_ms : std::min(timeout_ms, poll_ms)) || poll;
  }
  gs_store_relaxed(&asleep_, 0u);
  return rung;
}

void doorbell::reset_in_child() noexcept {
  gs_store_relaxed(&asleep_, 0u);
  event_.reset_in_child();
}

}  // namespace graceslab::sync
