// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Freed memory does not stay hidden (docs/decisions/0012-ageing.md): whatever is parked goes into
// its slabs once in each parking age, used or not, so that no array holds a slab that nobody needs;
// and a slab that stayed empty for half of that goes back to the system. What a busy cache uses
// comes out of its slabs again, the fullest first.
//
// - State: trim_at_ms != 0: something may be parked. Only the background thread writes it.
#include "os/busted.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/futex.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/depots.hpp"

namespace graceslab::reclaim {
namespace {

std::uint64_t park_age_ms() noexcept { return gs_load_relaxed(&os::settings.park_age_ms); }

// A cache that was used within its age keeps slabs that emptied lately: a program that fills and
// empties a cache many times a second gets them back from there.
std::uint64_t release_limit_ms(const slab::cache& c, std::uint64_t now_ms) noexcept {
  const std::uint64_t keep_ms = c.trim_at_ms != 0 ? park_age_ms() / 2 : 0;
  return now_ms > keep_ms ? now_ms - keep_ms : 0;
}

// What one grace period brings home as a rule, twice: more comes only when a reader held several
// back, and goes into its slabs at once instead of after the parking age.
std::uint32_t reclaimed_most(const slab::cache& c) noexcept {
  if (slab::parks_one(c)) return 0;  // it has none
  return static_cast<std::uint32_t>(2 * threshold_of(c) / c.sheaf_capacity) + 1;
}

// The sheaves of a last-in-first-out list beyond the first `most`.
void flush_beyond(slab::cache& c, slab::depot& d, slab::sheaf_list& l,
                  std::uint32_t most) noexcept {
  if (gs_load_relaxed(&l.count) <= most) return;
  slab::transit in_hand(c);
  if (!slab::still_open(c)) return;
  gs_sheaf* beyond = nullptr;
  {
    sync::lock_guard hold(d.lock);
    gs_sheaf** at = &l.head;
    std::uint32_t kept = 0;
    for (; *at != nullptr && kept != most; at = &(*at)->next, ++kept) l.tail = *at;
    beyond = *at;
    *at = nullptr;
    gs_store_relaxed(&l.count, kept);
  }
  while (beyond != nullptr) {
    gs_sheaf* next = beyond->next;
    if (slab::may_be_reused(c, beyond)) {
      slab::flush(c, beyond);
      slab::sheaf_delete(beyond);
    }
    beyond = next;
  }
}

bool is_due(slab::cache& c, std::uint64_t now_ms) noexcept {
  if (c.trim_at_ms != 0) return c.trim_at_ms <= now_ms;
  if (gs_load_relaxed(&c.touched) == 0) return false;
  gs_store_relaxed(&c.touched, 0u);
  c.trim_at_ms = now_ms + park_age_ms();
  return false;
}

}  // namespace

bool holds_surplus(slab::cache& c) noexcept {
  const std::uint32_t most = reclaimed_most(c);
  for (slab::depot& d : depots_of(c))
    if (gs_load_relaxed(&d.reclaimed.count) > most) return true;
  return false;
}

bool shrink(slab::cache& c) noexcept {
  slab::cache* one[] = {&c};
  collect(c);
  flush_parked(one, 1, slab::seize_how::insist);
  slab::discard_free_pages(c, os::forever_ms);
  while (slab::release_empty_slabs(c, os::now_ms()) != 0) {
  }
  sync::lock_guard hold(c.slabs_lock);
  return c.carved == 0;
}

// ORDER trim.untouch <-> park.touch   (docs/ordering/background.md, claim 5)
// The mark is cleared first, then everything parked is taken. Whoever parked and found the mark
// still set is found here; whoever parks later sets it again.
void trim(slab::cache** caches, unsigned n, std::uint64_t now_ms) noexcept {
  slab::cache* due[batch];
  unsigned dues = 0;
  for (unsigned i = 0; i != n; ++i) {
    slab::cache& c = *caches[i];
    if (slab::stage_of(c) != GS_STAGE_OPEN) continue;
    for (slab::depot& d : depots_of(c)) flush_beyond(c, d, d.reclaimed, reclaimed_most(c));
    if (!is_due(c, now_ms)) continue;
    const bool used = gs_exchange(&c.touched, 0u) != 0;
    c.trim_at_ms = used ? now_ms + park_age_ms() : 0;
    due[dues++] = &c;
  }
  if (dues != 0) flush_parked(due, dues, slab::seize_how::politely);
  for (unsigned i = 0; i != dues; ++i)
    slab::discard_free_pages(*due[i], release_limit_ms(*due[i], os::now_ms()));
  for (unsigned i = 0; i != n && !os::busted(os::flaw::keep_slabs); ++i)
    if (slab::stage_of(*caches[i]) == GS_STAGE_OPEN)
      (void)slab::release_empty_slabs(*caches[i], release_limit_ms(*caches[i], os::now_ms()));
}

std::uint64_t ms_until_trim(slab::cache& c, std::uint64_t now_ms) noexcept {
  std::uint64_t at_ms = c.trim_at_ms;
  if (at_ms == 0) return os::forever_ms;
  if (std::uint64_t emptied_ms = slab::oldest_emptied_ms(c); emptied_ms != 0) {
    const std::uint64_t released_ms = emptied_ms + park_age_ms() / 2;
    if (released_ms < at_ms) at_ms = released_ms;
  }
  return at_ms > now_ms ? at_ms - now_ms : 1;
}

}  // namespace graceslab::reclaim
