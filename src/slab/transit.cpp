// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/transit.hpp"

#include "os/hooks.hpp"
#include "os/thread.hpp"
#include "slab/depots.hpp"

namespace graceslab::slab {
namespace {

std::uint32_t halted;  // atomic: how many threads are about to fork
[[gnu::tls_model("initial-exec")]] __thread transit* innermost;  // this thread's

template <class F>
void each_count(F f) noexcept {
  for (std::uint32_t id = 1; id < cache_ids(); ++id)
    for (depot& d : depots_of(*cache_from_id(id)))
      for (std::uint32_t& count : d.in_transit) f(count);
}

void wait_until_empty(const std::uint32_t& count) noexcept {
  while (gs_load_seq_cst(&count) != 0) os::yield();
}

// ORDER transit.halt <-> transit.enter   (docs/ordering/teardown.md, claim 7)
void transit_halt() noexcept {
  (void)gs_fetch_add(&halted, 1u);
  // A constructor forks: what it has in hand is its own affair, and others may wait for it.
  if (innermost != nullptr) return;
  each_count(wait_until_empty);
}

void transit_resume() noexcept { (void)gs_fetch_sub(&halted, 1u); }
void transit_resume_in_child() noexcept {
  gs_store_seq_cst(&halted, 0u);
  recount_in_child();
}

// Before every lock: who has objects in hand may need any of them to put these back.
[[gnu::constructor]] void register_fork() {
  os::on_fork({0, transit_halt, transit_resume, transit_resume_in_child});
}

}  // namespace

// Of all who had something in hand only this thread is here; and who counted himself for the moment
// that it took to see the halt was perhaps not yet out of the counts.
void recount_in_child() noexcept {
  each_count([](std::uint32_t& count) { gs_store_relaxed(&count, 0u); });
  for (const transit* t = innermost; t != nullptr; t = t->outer_)
    gs_store_relaxed(t->count_, *t->count_ + 1);
}

// ORDER transit.enter <-> transit.halt   (docs/ordering/teardown.md, claim 7)
// We count ourselves, then look for a halt or a new phase; those are announced first, then the
// counts are awaited. All sequentially consistent: one of us sees the other.
void transit::enter() noexcept {
  for (;;) {
    std::uint32_t phase = gs_load_seq_cst(&c_.phase);
    count_ = &depot_here(c_).in_transit[phase];
    (void)gs_fetch_add(count_, 1u);
    bool stay = gs_load_seq_cst(&c_.phase) == phase &&
                (innermost != nullptr || GS_LIKELY(gs_load_seq_cst(&halted) == 0));
    if (GS_LIKELY(stay)) break;
    (void)gs_fetch_sub(count_, 1u);
    while (innermost == nullptr && gs_load_relaxed(&halted) != 0) os::yield();
  }
  outer_ = innermost;
  if (outer_ != nullptr) outer_->inner_ = this;
  innermost = this;
}

transit::~transit() {  // of several, not always the innermost first
  (inner_ != nullptr ? inner_->outer_ : innermost) = outer_;
  if (outer_ != nullptr) outer_->inner_ = inner_;
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
