// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/transit.hpp"

#include "os/hooks.hpp"
#include "os/thread.hpp"
#include "slab/depots.hpp"

namespace graceslab::slab {
namespace {

std::uint32_t halted;  // atomic: how many threads are about to fork
[[gnu::tls_model("initial-exec")]] __thread unsigned depth;

void wait_until_empty(const std::uint32_t& count) noexcept {
  while (gs_load_seq_cst(&count) != 0) os::yield();
}

// ORDER transit.halt <-> transit.enter   (docs/ordering/teardown.md, claim 7)
void transit_halt() noexcept {
  (void)gs_fetch_add(&halted, 1u);
  if (depth != 0) return;  // a constructor forks: what it has in hand is its own affair
  for (std::uint32_t id = 1; id < cache_ids(); ++id)
    for (const depot& d : depots_of(*cache_from_id(id)))
      for (const std::uint32_t& count : d.in_transit) wait_until_empty(count);
}

void transit_resume() noexcept { (void)gs_fetch_sub(&halted, 1u); }
void transit_resume_in_child() noexcept { gs_store_seq_cst(&halted, 0u); }

// Before every lock: who has objects in hand may need any of them to put these back.
[[gnu::constructor]] void register_fork() {
  os::on_fork({0, transit_halt, transit_resume, transit_resume_in_child});
}

}  // namespace

// ORDER transit.enter <-> transit.halt   (docs/ordering/teardown.md, claim 7)
// We count ourselves, then look for a halt or a new phase; those are announced first, then the
// counts are awaited. All sequentially consistent: one of us sees the other.
void transit::enter() noexcept {
  for (;;) {
    std::uint32_t phase = gs_load_seq_cst(&c_.phase);
    count_ = &depot_here(c_).in_transit[phase];
    (void)gs_fetch_add(count_, 1u);
    bool stay = gs_load_seq_cst(&c_.phase) == phase &&
                (depth != 0 || GS_LIKELY(gs_load_seq_cst(&halted) == 0));
    if (GS_LIKELY(stay)) break;
    (void)gs_fetch_sub(count_, 1u);
    while (depth == 0 && gs_load_relaxed(&halted) != 0) os::yield();
  }
  ++depth;
}

transit::~transit() {
  --depth;
  (void)gs_fetch_sub(count_, 1u);
}

bool still_open(const cache& c) noexcept { return gs_load_seq_cst(&c.stage) == GS_STAGE_OPEN; }

bool hands_empty(const cache& c) noexcept {
  for (const depot& d : depots_of(c))
    if (gs_load_seq_cst(&d.in_transit[0]) != 0 || gs_load_seq_cst(&d.in_transit[1]) != 0)
      return false;
  return true;
}

// Whoever counted himself in the old phase is waited for; whoever comes later takes the new one.
// The counts of the new phase were left at zero by the drain before this one.
void transit_drain(cache& c) noexcept {
  if (hands_empty(c)) return;
  sync::lock_guard one_at_a_time(c.drain_lock);
  std::uint32_t old = gs_load_seq_cst(&c.phase);
  gs_store_seq_cst(&c.phase, old ^ 1u);
  for (const depot& d : depots_of(c)) wait_until_empty(d.in_transit[old]);
}

}  // namespace graceslab::slab
