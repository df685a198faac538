// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Destructors that retire objects of their own cache: waits follow such a chain to its end.
// Page: docs/ordering/teardown.md, claim 11
#include <algorithm>
#include <utility>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/grace_period.hpp"
#include "reclaim/reclaim.hpp"

namespace graceslab::reclaim {
namespace {

constexpr std::uint64_t patient_rounds = 8;
constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr unsigned short_waits = 10;
constexpr std::uint64_t short_wait_us = 20;

struct remains {
  bool any;
  std::uint64_t newest;  // cookie; 0: nothing waits for a grace period
};

remains look(slab::cache& c, std::uint64_t youngest_root) noexcept {
  sync::lock_guard hold(c.lock);
  remains left = {c.run_root != 0 && c.run_root <= youngest_root, 0};
  for (const gs_sheaf* s = c.ripe.head; s != nullptr && !left.any; s = s->next)
    left.any = root_of(*s) <= youngest_root;
  for (const gs_sheaf* s = c.heirs.head; s != nullptr; s = s->next) {
    if (root_of(*s) > youngest_root) continue;
    left.any = true;
    left.newest = std::max(left.newest, s->cookie);
  }
  return left;
}

// One generation.
bool bring_on(slab::cache& c, std::uint64_t cookie) noexcept {
  gs_domain* d = domain_of(c);
  if (cookie != 0 && !rcu::done(d, cookie) && !rcu::wait(d, cookie)) return false;
  slab::harvest(c);
  finish_ripe(c);
  return !rcu::deadline_passed();
}

// A chain that makes no new objects is no longer than this; one that was found endless gets no
// second chance before it has ended.
std::uint64_t rounds_most(slab::cache& c) noexcept {
  {
    sync::lock_guard hold(c.lock);
    if (c.endless) return patient_rounds;
  }
  sync::lock_guard hold(c.slabs_lock);
  return patient_rounds + c.carved - c.free_in_slabs;
}

bool set_endless(slab::cache& c, bool on) noexcept {
  sync::lock_guard hold(c.lock);
  return std::exchange(c.endless, on);
}

void give_up(slab::cache& c, std::uint64_t rounds) noexcept {
  const auto* dtor = reinterpret_cast<const void*>(gs_load_relaxed(&c.dtor));
  rcu::note_endless(domain_of(c), dtor, rounds);
  if (set_endless(c, true)) return;
  char name[240];
  os::describe_function(dtor, name, sizeof name);
  os::report(
      GS_REPORT_REARMING_CALLBACK,
      "cache '%s': its destructor %s keeps retiring objects of the same cache, and did so in "
      "each of %llu rounds; it is not waited for any longer",
      c.name, name, static_cast<unsigned long long>(rounds));
}

bool follow_chains(slab::cache& c, const lineage& from) noexcept {
  std::uint64_t marked = from.marked, most = 0;
  const std::uint64_t until_ms = os::now_ms() + gs_load_relaxed(&os::settings.stall_ms);
  for (std::uint64_t round = 0; slab::stage_of(c) == GS_STAGE_OPEN; ++round) {
    const remains left = look(c, from.youngest_root);
    const std::uint64_t marked_now = gs_load_relaxed(&c.heirs_marked);
    if (!left.any && marked_now == marked) return (void)set_endless(c, false), true;
    if (round == 0) most = rounds_most(c);
    if (round >= most || (round >= patient_rounds && os::now_ms() >= until_ms)) {
      if (!left.any) return true;  // whose the marked ones are is not known: perhaps later ones'
      return give_up(c, round), false;
    }
    if (!bring_on(c, left.newest)) return false;
    if (marked_now != marked && !wait_for_marked(c)) return false;
    marked = marked_now;
  }
  return true;
}

// Nothing is allocated from a closed cache, so this ends by itself.
bool follow_all(slab::cache& c) noexcept {
  while (slab::stage_of(c) != GS_STAGE_OPEN && on_a_list(c)) {
    if (!bring_on(c, std::max(in_flight(c).newest, slab::newest_mark(c)))) return false;
    collect_marked(c, true);
  }
  return true;
}

bool soon_done(gs_domain* d, std::uint64_t cookie) noexcept {
  for (unsigned i = 0; !rcu::done(d, cookie) && !rcu::try_advance(d, cookie); ++i) {
    if (i == short_waits) return false;
    os::sleep_us(short_wait_us);
  }
  return true;
}

bool somebody_runs(slab::cache& c) noexcept {
  sync::lock_guard hold(c.lock);
  return c.ripe_running;
}

}  // namespace

lineage so_far(slab::cache& c) noexcept {
  return {rcu::snapshot(domain_of(c)), gs_load_relaxed(&c.heirs_marked)};
}

bool follow(slab::cache& c, const lineage& from) noexcept {
  if (!slab::has_destructor(c) || rcu::in_callback()) return true;
  return follow_chains(c, from) && follow_all(c);
}

// What is left when the time is over, or when a reader is in the way, is the background thread's.
void follow_here(slab::cache& c) noexcept {
  const std::uint64_t cap_ns = gs_load_relaxed(&os::settings.callback_cap_ms) * ns_per_ms;
  const std::uint64_t until_ns = os::now_ns() + cap_ns;
  while (slab::stage_of(c) != GS_STAGE_OPEN && slab::has_destructor(c) && !somebody_runs(c)) {
    const std::uint64_t cookie = std::max(in_flight(c).newest, slab::newest_mark(c));
    if (cookie == 0 || os::now_ns() >= until_ns || !soon_done(domain_of(c), cookie)) return;
    slab::harvest(c);
    run_ripe(c, false);
    collect_marked(c, false);
  }
}

}  // namespace graceslab::reclaim
