// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Freed memory does not stay hidden: parked arrays age, and empty slabs go back to the system.
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/depots.hpp"

namespace graceslab::reclaim {
namespace {

// What one grace period brings home as a rule, twice: more comes only when a reader held several
// back, and goes into its slabs at once instead of after the parking age.
std::uint32_t reclaimed_most(const slab::cache& c) noexcept {
  return static_cast<std::uint32_t>(2 * threshold_of(c) / c.sheaf_capacity) + 1;
}

// The sheaves of a last-in-first-out list beyond the first `most`, or that nobody wanted for as
// long as the parking age.
void flush_aged(slab::cache& c, slab::depot& d, slab::sheaf_list& l, std::uint32_t most,
                std::uint64_t limit_ms) noexcept {
  slab::transit in_hand(c);
  if (!slab::still_open(c)) return;
  gs_sheaf* aged = nullptr;
  {
    sync::lock_guard hold(d.lock);
    gs_sheaf** at = &l.head;
    std::uint32_t kept = 0;
    for (; *at != nullptr && kept != most && (*at)->stamp_ms > limit_ms; at = &(*at)->next, ++kept)
      l.tail = *at;
    aged = *at;
    *at = nullptr;
    gs_store_relaxed(&l.count, kept);
  }
  while (aged != nullptr) {
    gs_sheaf* next = aged->next;
    if (slab::may_be_reused(c, aged)) {
      slab::flush(c, aged);
      slab::sheaf_delete(aged);
    }
    aged = next;
  }
}

// Everything parked into the slabs, and the slabs that emptied to the system.
void flush_parked(slab::cache& c) noexcept {
  {
    slab::transit in_hand(c);
    if (!slab::still_open(c)) return;
    slab::spoils taken;
    slab::seize(c, slab::seize_what::everything, slab::seize_then::reopen, &taken);
    slab::settle_spoils(c, taken);
    slab::flush_barn(c);
  }
  os::report_lost_fence();
}

}  // namespace

bool shrink(slab::cache& c) noexcept {
  collect(c);
  flush_parked(c);
  while (slab::release_empty_slabs(c, os::now_ms()) != 0) {
  }
  sync::lock_guard hold(c.slabs_lock);
  return c.carved == 0;
}

std::uint64_t trim(slab::cache& c, std::uint64_t now_ms) noexcept {
  std::uint64_t age_ms = gs_load_relaxed(&os::settings.park_age_ms);
  if (gs_load_relaxed(&c.touched) != 0) {
    gs_store_relaxed(&c.touched, 0u);
    c.idle_since_ms = now_ms;
    const std::uint64_t limit_ms = now_ms > age_ms ? now_ms - age_ms : 0;
    for (slab::depot& d : depots_of(c)) {  // in use, but perhaps not all of it
      flush_aged(c, d, d.full, slab::barn_limit, limit_ms);
      flush_aged(c, d, d.reclaimed, reclaimed_most(c), limit_ms);
    }
    gs_store_relaxed(&c.touched, 0u);
  }
  if (c.idle_since_ms ==
      0) {  // trimmed, and not used since; type-safe slabs follow after their grace period
    (void)slab::release_empty_slabs(c, os::now_ms());
    return os::forever_ms;
  }
  std::uint64_t idle_ms = now_ms - c.idle_since_ms;
  if (idle_ms < age_ms) return age_ms - idle_ms;
  flush_parked(c);
  while (slab::release_empty_slabs(c, os::now_ms()) != 0) {  // also those that emptied just now
  }
  gs_store_relaxed(&c.touched, 0u);
  c.idle_since_ms = 0;
  return os::forever_ms;
}

}  // namespace graceslab::reclaim
