// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// open -> closing -> draining: after this no thread has an array of the cache, and what is out is
// counted.
#include "os/busted.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/event.hpp"
#include "os/fence.hpp"
#include "os/hooks.hpp"
#include "os/midway.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "slab/construct.hpp"
#include "slab/depots.hpp"
#include "slab/locals.hpp"
#include "slab/misuse.hpp"
#include "slab/transit.hpp"
#include "teardown/moves.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

std::uint64_t tickets;  // under lingering_lock

bool win(slab::cache& c, const caller& who, cookie* ticket) noexcept {
  os::open_window();
  sync::lock_guard hold(lingering_lock);
  {
    // Attaching checks the stage under this lock: afterwards no new record joins. A record gets its
    // handle under it.
    sync::lock_guard no_new_records(c.locals_lock);
    if (c.handle != who.handle || !move<GS_STAGE_OPEN, GS_STAGE_CLOSING>(c)) return false;
  }
  gs_store_relaxed(&c.ticket, ++tickets);
  gs_store_relaxed(&c.destroy_stack, who.stack);
  gs_store_relaxed(&c.closed_at_ms, os::now_ms());
  c.next_splat_ms = c.closed_at_ms + gs_load_relaxed(&os::settings.linger_splat_ms);
  *ticket = cookie_of(c);
  return true;
}

void empty_barn(slab::cache& c) noexcept {
  slab::await_hands(c);
  slab::transit in_hand(c);
  slab::flush_barn(c);
  slab::drop_left_births(c);
}

// Free objects of every thread and of the barn into the slabs; retired ones onto the deferred list.
void empty_arrays(slab::cache& c) noexcept {
  bool fenced;
  {
    slab::transit in_hand(c);
    slab::spoils taken;
    fenced = slab::seize(c, slab::seize_what::everything, slab::seize_then::keep_closed, &taken);
    slab::settle_spoils(c, taken);
  }
  if (!fenced) {
    os::report_lost_fence();
    os::report(
        GS_REPORT_NO_FENCE,
        "cache '%s': no process-wide fence works; its threads' arrays stay with them and leak",
        c.name);
  }
  empty_barn(c);
}

void linger(slab::cache& c) noexcept {
  sync::lock_guard hold(lingering_lock);
  move<GS_STAGE_CLOSING, GS_STAGE_DRAINING>(c);
  add_lingering(c);
}

// A destroy that another thread had begun when this process was forked off: it goes on here,
// without a caller.
void finish_closing(slab::cache& c) noexcept {
  if (slab::stage_of(c) != GS_STAGE_CLOSING) return;
  {
    slab::transit in_hand(c);
    slab::spoils taken;
    slab::seize_rest(c, &taken);
    slab::settle_spoils(c, taken);
  }
  empty_barn(c);
  linger(c);
  if (!settle(c)) reclaim::activate(c);
}

void adopt_in_child() noexcept {
  for (std::uint32_t id = 1; id < slab::cache_ids(); ++id) finish_closing(*slab::cache_from_id(id));
}

[[gnu::constructor]] void register_fork() {
  os::on_fork({os::after_fork_rank, [] {}, [] {}, adopt_in_child});
}

void tell_what_is_out(slab::cache& c, const tally& t) noexcept {
  const std::uint64_t newest = reclaim::newest_waiting(c);
  if (t.live + t.in_flight + t.leaked + t.unborn + newest != 0)
    os::event::destroy_wait(c.id, t.live + t.leaked + t.unborn, t.in_flight, newest, c.name);
}

// With the barn and the slabs held.
tally sum_up(slab::cache& c) noexcept {
  const slab::barn_counts in_barn = slab::count_barn(c);
  std::uint64_t in_flight = in_barn.retired - in_barn.reclaimed;
  std::uint64_t out = c.carved - c.free_in_slabs - in_barn.parked - c.leaked - c.unborn;
  return {out > in_flight ? out - in_flight : 0, in_flight, c.leaked, c.unborn};
}

}  // namespace

bool ever_given(cookie k) noexcept {
  const auto id = static_cast<std::uint32_t>(k & ((1u << id_bits) - 1));
  sync::lock_guard hold(lingering_lock);
  return k >> id_bits != 0 && k >> id_bits <= tickets && slab::cache_from_id(id) != nullptr;
}

tally glance(slab::cache& c) noexcept {
  slab::barn_hold barn(c);
  sync::lock_guard slabs(c.slabs_lock);
  return sum_up(c);
}

tally count(slab::cache& c) noexcept {
  for (;; slab::transit_drain(c)) {
    slab::barn_hold barn(c);
    sync::lock_guard slabs(c.slabs_lock);
    if (slab::hands_empty(c)) return sum_up(c);
  }
}

bool count_unused(slab::cache& c, tally* t) noexcept {
  sync::lock_guard nobody_seizes(c.seize_lock);
  sync::lock_guard no_new_records(c.locals_lock);
  const gs_local* mine = c.locals;
  if (mine != nullptr && (mine->next != nullptr || mine != slab::local_of(c))) return false;
  const slab::arrays ours = mine != nullptr ? slab::in_record(*mine) : slab::arrays{0, 0};
  slab::barn_hold barn(c);
  sync::lock_guard slabs(c.slabs_lock);
  if (!slab::hands_empty(c)) return false;
  *t = sum_up(c);
  const std::uint64_t in_arrays = ours.parked + ours.retired;
  t->live = t->live > in_arrays ? t->live - in_arrays : 0;
  return true;
}

void report_stale(const caller& who) noexcept {
  slab::report_stale(reinterpret_cast<const kmem_cache*>(who.handle), "destroy", who.site);
}

bool close(slab::cache& c, const caller& who, cookie* ticket, tally* t) noexcept {
  os::midway_scope half_closed;
  if (!win(c, who, ticket)) return false;
  os::event::destroy_begin(c.id, *ticket, rcu::domain_id(reclaim::domain_of(c)), c.name);
  empty_arrays(c);
  *t = count(c);
  tell_what_is_out(c, *t);
  linger(c);
  return true;
}

}  // namespace graceslab::teardown
