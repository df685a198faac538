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

bool doorbell::ring() noexcept {
  // ORDER doorbell.ring <-> doorbell.sleep   (docs/ordering/doorbell.md, claims 1 and 2)
  // ORDER doorbell.ring <-> doorbell.leave   (claim 3)
  // We publish work, light-fence, then load asleep; the sleeper stores asleep, heavy-fences, then
  // looks for work. If we miss its flag, it finds our work; if it misses our work, we find its
  // flag.
  gs_light_fence();
  if (GS_UNLIKELY(os::readers_fence())) gs_full_fence();
  std::uint32_t word = gs_load_relaxed(&asleep_);
  if (GS_LIKELY(word == awake)) return true;
  // One ringer is enough; the others find zero, and the one that took the flag notifies.
  if (word == asleep && gs_compare_exchange(&asleep_, &word, std::uint32_t{awake}))
    event_.notify_all();
  return word != nobody;
}

bool doorbell::sleep(bool (*has_work)(void*), void* arg, std::uint64_t timeout_ms) noexcept {
  const std::uint32_t ticket = event_.ticket();  // before the flag: a ring from here on moves it
  gs_store_relaxed(&asleep_, std::uint32_t{asleep});
  // ORDER doorbell.sleep <-> doorbell.ring   (docs/ordering/doorbell.md, claims 1 and 2)
  const bool fenced = os::heavy_fence();
  os::report_lost_fence();
  bool rung = has_work(arg);
  if (!rung) {
    const bool poll = !fenced && timeout_ms > poll_ms;
    rung = event_.wait(ticket, fenced ? timeout_ms : std::min(timeout_ms, poll_ms)) || poll;
  }
  gs_store_relaxed(&asleep_, std::uint32_t{awake});
  return rung;
}

bool doorbell::leave(bool (*has_work)(void*), void* arg) noexcept {
  // What we wrote is for the next one to read.
  gs_store_release(&asleep_, std::uint32_t{nobody});
  // ORDER doorbell.leave <-> doorbell.ring   (docs/ordering/doorbell.md, claim 3)
  // ORDER doorbell.leave <-> doorbell.arrive   (claim 3)
  // The same fence as before a sleep: a ringer finds nobody, or we find its work.
  if (os::heavy_fence() && !has_work(arg)) return true;
  return !arrive();
}

// ORDER doorbell.arrive <-> doorbell.leave   (docs/ordering/doorbell.md, claim 3)
bool doorbell::arrive() noexcept {
  std::uint32_t expected = nobody;
  return gs_compare_exchange(&asleep_, &expected, std::uint32_t{awake});
}

void doorbell::never_came() noexcept { gs_store_relaxed(&asleep_, std::uint32_t{nobody}); }

void doorbell::reset_in_child() noexcept {
  never_came();
  event_.reset_in_child();
}

}  // namespace graceslab::sync
