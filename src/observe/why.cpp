// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Why a destroyed cache still lives.
#include "base/format.hpp"
#include "observe/observe.hpp"
#include "os/clock.hpp"
#include "os/scratch.hpp"
#include "os/stack.hpp"
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

void say_what_is_out(slab::cache& c, base::writer& out) noexcept {
  const ull under_hazards = hazard::count_unended(teardown::retired_in(c));
  teardown::tally t = teardown::glance(c);
  const ull live = t.live > under_hazards ? t.live - under_hazards : 0;
  if (live != 0)
    out.add("; %llu %s never retired", live,
            live == 1 ? "object is allocated and was" : "objects are allocated and were");
  say_what_is_protected(c, under_hazards, out);
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
  sync::lock_guard hold(c.lock);
  if (c.ripe_running) out.add("; a destructor of its objects runs");
  if (c.heirs.head != nullptr) out.add("; objects that a destructor retired wait for readers");
  if (c.ripe_posted || c.ripe.head != nullptr)
    out.add("; destructors of its objects wait behind other callbacks");
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

}  // namespace

std::size_t why(teardown::cookie k, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  std::uintptr_t handle;
  slab::cache* c = teardown::find_lingering(k, &handle);
  if (c == nullptr) return say_gone(k, out);
  slab::loan lent(*c, handle);
  if (lent.get() == nullptr) return say_gone(k, out);
  const char* stage = slab::stage_of(*c) == GS_STAGE_CLOSING ? "closing" : "draining";
  out.add("cache '%s' is %s (#%u), %llu ms after it was destroyed", c->name, stage, c->id,
          static_cast<ull>(os::now_ms() - c->closed_at_ms));
  say_what_is_out(*c, out);
  if ((c->flags & slab::flag_once_fully_freed) != 0)
    out.add("; it was made to wait for its last object without complaint");
  if (c->splats != 0)
    out.add("; it was reported as leaking %u time%s", c->splats, base::plural(c->splats));
  os::scratch stack;
  if (os::describe_stack_id(c->destroy_stack, stack.text(), stack.bytes()) != 0)
    out.add("; destroyed by%s", stack.text());
  say_whose(*c, out);
  return out.needed();
}

}  // namespace graceslab::observe
