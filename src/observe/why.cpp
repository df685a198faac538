// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Why a cache lives: what is out of it, and whom that waits for.
#include "base/format.hpp"
#include "observe/observe.hpp"
#include "os/clock.hpp"
#include "os/scratch.hpp"
#include "os/stack.hpp"
#include "rcu/stuck.hpp"
#include "slab/construct.hpp"
#include "slab/outstanding.hpp"

namespace graceslab::observe {
namespace {

using ull = unsigned long long;

// Retired memory waits for a grace period to begin before it waits for a reader: without one, it
// begins here, so that the reader in its way is known at once.
void say_who_holds_back(gs_domain* d, base::writer& out) noexcept {
  char who[256];
  if (rcu::describe_blocker(d, who, sizeof who) == 0) {
    rcu::try_advance(d, rcu::snapshot(d));
    if (rcu::describe_blocker(d, who, sizeof who) == 0) return;
  }
  out.add("; held back by %s", who);
}

void say_who_constructs(slab::cache& c, const teardown::tally& t, base::writer& out) noexcept {
  out.add("; the constructor of %llu object%s has not returned yet", static_cast<ull>(t.unborn),
          base::plural(t.unborn));
  char who[400];
  if (slab::describe_constructing(c, slab::stuck_stack::left_out, who, sizeof who))
    out.add(": %s", who);
}

// How many: counted before those that are out.
void say_what_is_protected(slab::cache& c, ull retired, base::writer& out) noexcept {
  if (retired == 0) return;
  out.add("; %llu object%s retired under hazard pointers", retired, retired == 1 ? " is" : "s are");
  char who[200];
  if (hazard::describe_protector(teardown::retired_in(c), who, sizeof who) != 0)
    out.add("; retired and protected: %s", who);
}

// Callbacks of its domain, which its destructors stand in line with.
void say_what_runs_before(gs_domain* d, base::writer& out) noexcept {
  char what[400];
  if (rcu::describe_running(d, rcu::running_stack::left_out, what, sizeof what) != 0)
    out.add(": %s", what);
}

void say_what_destructors_do(slab::cache& c, base::writer& out) noexcept {
  bool wait_behind;
  {
    sync::lock_guard hold(c.lock);
    if (c.ripe_running) out.add("; a destructor of its objects runs");
    if (c.heirs.head != nullptr) out.add("; objects that a destructor retired wait for readers");
    wait_behind = c.ripe_posted || c.ripe.head != nullptr;
  }
  if (!wait_behind) return;
  out.add("; destructors of its objects wait behind other callbacks");
  say_what_runs_before(reclaim::domain_of(c), out);
}

void say_what_waits(slab::cache& c, const teardown::tally& t, base::writer& out) noexcept {
  if (t.leaked != 0)
    out.add("; %llu %s given up after misuse", static_cast<ull>(t.leaked),
            t.leaked == 1 ? "object was" : "objects were");
  if (t.in_flight != 0)
    out.add("; %llu retired %s not reclaimed yet", static_cast<ull>(t.in_flight),
            t.in_flight == 1 ? "object is" : "objects are");
  if (t.unborn != 0) say_who_constructs(c, t, out);
  bool quarantined = slab::newest_quarantine(c) != 0;
  if (quarantined) out.add("; its type-safe slabs wait for a grace period");
  if (t.in_flight != 0 || quarantined) say_who_holds_back(reclaim::domain_of(c), out);
  say_what_destructors_do(c, out);
}

void say_what_is_out(slab::cache& c, base::writer& out) noexcept {
  const ull under_hazards = hazard::count_unended(teardown::retired_in(c));
  teardown::tally t = teardown::glance(c);
  const ull live = t.live > under_hazards ? t.live - under_hazards : 0;
  if (live != 0)
    out.add("; %llu %s never retired", live,
            live == 1 ? "object is allocated and was" : "objects are allocated and were");
  say_what_is_protected(c, under_hazards, out);
  say_what_waits(c, t, out);
}

// While it is open, threads' arrays hold what looks allocated to a glance: it is counted exactly.
bool say_open(slab::cache& c, std::uintptr_t handle, base::writer& out) noexcept {
  const ull under_hazards = hazard::count_unended(teardown::retired_in(c));
  gs_cache_stats s;
  cache_stats(c, &s, handle);
  if (s.stage != GS_STAGE_OPEN) return false;
  const ull live = s.live > under_hazards ? s.live - under_hazards : 0;
  const ull free = s.parked + s.free_in_slabs;
  out.add("cache '%s' is open (#%u); %llu object%s allocated, and %llu free in %llu slab%s", s.name,
          s.id, live, live == 1 ? " is" : "s are", free, static_cast<ull>(s.slabs),
          base::plural(s.slabs));
  say_what_is_protected(c, under_hazards, out);
  teardown::tally t = teardown::glance(c);
  t.in_flight = s.retired - s.reclaimed;
  say_what_waits(c, t, out);
  return true;
}

// Where they come from, of a cache that keeps it.
void say_whose(slab::cache& c, base::writer& out) noexcept {
  if ((c.flags & slab::flag_store_user) == 0) return;
  os::scratch sites;
  const bool retired_too = teardown::glance(c).live == 0;
  if (slab::describe_outstanding(c, retired_too, sites.text(), sites.bytes()) != 0)
    out.add("; out are%s", sites.text());
}

std::size_t say_gone(teardown::cookie k, base::writer& out) noexcept {
  out.add(k == 0 || teardown::ever_given(k)
              ? "gone: every object is home and its memory is released"
              : "no destroy ever returned this cookie");
  return out.needed();
}

std::size_t say_no_such(base::writer& out) noexcept {
  out.add("gone: no cache has this handle");
  return out.needed();
}

void say_destroyed(slab::cache& c, base::writer& out) noexcept {
  const char* stage = slab::stage_of(c) == GS_STAGE_CLOSING ? "closing" : "draining";
  const std::uint64_t closed_at_ms = gs_load_relaxed(&c.closed_at_ms);  // 0: just being closed
  out.add("cache '%s' is %s (#%u), %llu ms after it was destroyed", c.name, stage, c.id,
          static_cast<ull>(closed_at_ms != 0 ? os::now_ms() - closed_at_ms : 0));
  say_what_is_out(c, out);
  if ((c.flags & slab::flag_once_fully_freed) != 0)
    out.add("; it was made to wait for its last object without complaint");
  if (const std::uint32_t splats = gs_load_relaxed(&c.splats); splats != 0)
    out.add("; it was reported as leaking %u time%s", splats, base::plural(splats));
  os::scratch stack;
  if (os::describe_stack_id(gs_load_relaxed(&c.destroy_stack), stack.text(), stack.bytes()) != 0)
    out.add("; destroyed by%s", stack.text());
}

}  // namespace

std::size_t why(teardown::cookie k, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  std::uintptr_t handle;
  slab::cache* c = teardown::find_lingering(k, &handle);
  if (c == nullptr) return say_gone(k, out);
  slab::loan lent(*c, handle);
  if (lent.get() == nullptr) return say_gone(k, out);
  say_destroyed(*c, out);
  say_whose(*c, out);
  return out.needed();
}

std::size_t why_handle(slab::cache* c, std::uintptr_t handle, char* text,
                       std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  if (c == nullptr) return say_no_such(out);
  slab::loan lent(*c, handle);
  if (lent.get() == nullptr) return say_no_such(out);
  if (!say_open(*c, handle, out)) {
    if (slab::stage_of(*c) == GS_STAGE_GONE) return say_no_such(out);
    say_destroyed(*c, out);
  }
  say_whose(*c, out);
  return out.needed();
}

}  // namespace graceslab::observe
