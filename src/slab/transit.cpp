// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/transit.hpp"

#include <climits>

#include "os/clock.hpp"
#include "os/exit.hpp"
#include "os/futex.hpp"
#include "os/hooks.hpp"
#include "os/midway.hpp"
#include "slab/depots.hpp"

namespace graceslab::slab {
namespace {

std::uint32_t halted;  // atomic: how many threads are about to fork; those that wait sleep on it
[[gnu::tls_model("initial-exec")]] __thread transit* innermost;  // this thread's

template <class F>
void each_count(F f) noexcept {
  for (std::uint32_t id = 1; id < cache_ids(); ++id)
    for (depot& d : depots_of(*cache_from_id(id)))
      for (std::uint32_t& count : d.in_transit) f(count);
}

constexpr std::uint64_t for_ever = ~std::uint64_t{0};

// In a count: somebody sleeps until it is zero.
constexpr std::uint32_t awaited = std::uint32_t{1} << 31;

std::uint32_t hands_of(std::uint32_t count) noexcept { return count & ~awaited; }

// ORDER hands.sleep <-> hands.leave   (docs/ordering/teardown.md, claim 8)
// The mark stands in the word that is slept on: whoever takes the count to zero finds it, or the
// kernel finds the count changed and the sleep does not begin. False when `until_ns` came first.
bool wait_until_empty(std::uint32_t& count, std::uint64_t until_ns = for_ever) noexcept {
  os::short_wait wait("objects in somebody's hands");
  for (;;) {
    const std::uint32_t seen = gs_load_seq_cst(&count);
    if (hands_of(seen) == 0) return true;
    if ((seen & awaited) == 0) {
      (void)gs_fetch_or(&count, awaited);
      continue;
    }
    if (until_ns == for_ever) {
      wait.on(&count, seen);
      continue;
    }
    const std::uint64_t now = os::now_ns();
    if (now >= until_ns) return false;
    os::futex_nap_us(&count, seen, (until_ns - now + 999) / 1000);
  }
}

// ORDER hands.leave <-> hands.sleep   (docs/ordering/teardown.md, claim 8)
// The mark goes only while the count is zero: who came meanwhile, and whoever waits for him, need
// it. Afterwards the address alone is used.
[[gnu::cold, gnu::noinline]] void wake(std::uint32_t* count) noexcept {
  std::uint32_t empty = awaited;
  (void)gs_compare_exchange(count, &empty, 0u);
  os::futex_wake(count, INT_MAX);
}

void step_out(std::uint32_t* count) noexcept {
  if (GS_UNLIKELY(gs_fetch_sub(count, 1u) == (awaited | 1))) wake(count);
}

// ORDER transit.halt <-> transit.enter   (docs/ordering/teardown.md, claim 7)
void transit_halt() noexcept {
  (void)gs_fetch_add(&halted, 1u);
  each_count([](std::uint32_t& count) { (void)wait_until_empty(count); });
}

void transit_resume() noexcept {
  (void)gs_fetch_sub(&halted, 1u);
  os::futex_wake(&halted, INT_MAX);
}
// Who counted himself for the moment that it took to see the halt was perhaps not yet out of the
// counts; and with something in hand nobody comes here (os/midway.hpp).
void transit_resume_in_child() noexcept {
  gs_store_seq_cst(&halted, 0u);
  each_count([](std::uint32_t& count) { gs_store_relaxed(&count, 0u); });
}

// Before every lock: who has objects in hand may need any of them to put these back.
[[gnu::constructor]] void register_fork() {
  os::on_fork({0, transit_halt, transit_resume, transit_resume_in_child});
}

}  // namespace

// ORDER transit.enter <-> transit.halt   (docs/ordering/teardown.md, claim 7)
// We count ourselves, then look for a halt or a new phase; those are announced first, then the
// counts are awaited. All sequentially consistent: one of us sees the other.
void transit::enter() noexcept {
  os::enter_midway();  // as long as we have them
  for (;;) {
    std::uint32_t phase = gs_load_seq_cst(&c_.phase);
    count_ = &depot_here(c_).in_transit[phase];
    (void)gs_fetch_add(count_, 1u);
    bool stay = gs_load_seq_cst(&c_.phase) == phase &&
                (innermost != nullptr || GS_LIKELY(gs_load_seq_cst(&halted) == 0));
    if (GS_LIKELY(stay)) break;
    step_out(count_);
    if (const std::uint32_t forks = gs_load_relaxed(&halted); forks != 0 && innermost == nullptr)
      os::short_wait("a fork").on(&halted, forks);
  }
  outer_ = innermost;
  if (outer_ != nullptr) outer_->inner_ = this;
  innermost = this;
}

transit::~transit() {  // of several, not always the innermost first
  (inner_ != nullptr ? inner_->outer_ : innermost) = outer_;
  if (outer_ != nullptr) outer_->inner_ = inner_;
  step_out(count_);
  os::leave_midway();
}

bool still_open(const cache& c) noexcept { return gs_load_seq_cst(&c.stage) == GS_STAGE_OPEN; }

// The handle moves only while the stage is gone, and as long as we are counted it cannot get there.
bool still_open_as(const cache& c, std::uintptr_t handle) noexcept {
  return still_open(c) && gs_load_relaxed(&c.handle) == handle;
}

bool hands_empty(const cache& c) noexcept {
  for (const depot& d : depots_of(c))
    for (const std::uint32_t& count : d.in_transit)
      if (hands_of(gs_load_seq_cst(&count)) != 0) return false;
  return true;
}

void await_hands(cache& c) noexcept {
  for (depot& d : depots_of(c))
    for (std::uint32_t& count : d.in_transit) (void)wait_until_empty(count);
}

bool await_hands(cache& c, std::uint64_t most_us) noexcept {
  const std::uint64_t until_ns = os::now_ns() + most_us * 1000;
  for (depot& d : depots_of(c))
    for (std::uint32_t& count : d.in_transit)
      if (!wait_until_empty(count, until_ns)) return false;
  return true;
}

// Whoever counted himself in the old phase is waited for; whoever comes later takes the new one.
// The counts of the new phase were left at zero by the drain before this one.
void transit_drain(cache& c) noexcept {
  if (hands_empty(c)) return;
  sync::lock_guard one_at_a_time(c.drain_lock);
  std::uint32_t old = gs_load_seq_cst(&c.phase);
  gs_store_seq_cst(&c.phase, old ^ 1u);
  for (depot& d : depots_of(c)) (void)wait_until_empty(d.in_transit[old]);
}

}  // namespace graceslab::slab
