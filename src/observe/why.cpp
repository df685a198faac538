// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Why a destroyed cache still lives.
#include "base/format.hpp"
#include "observe/observe.hpp"
#include "os/clock.hpp"
#include "os/stack.hpp"

namespace graceslab::observe {
namespace {

using ull = unsigned long long;

void say_what_is_out(slab::cache& c, base::writer& out) noexcept {
  teardown::tally t = teardown::glance(c);
  if (t.live != 0)
    out.add("; %llu objects are allocated and were never retired", static_cast<ull>(t.live));
  if (t.leaked != 0)
    out.add("; %llu objects were given up after misuse", static_cast<ull>(t.leaked));
  if (t.in_flight != 0)
    out.add("; %llu retired objects are not reclaimed yet", static_cast<ull>(t.in_flight));
  if (t.unborn != 0)
    out.add("; the constructor of %llu objects has not returned yet", static_cast<ull>(t.unborn));
  bool quarantined = slab::newest_quarantine(c) != 0;
  if (quarantined) out.add("; its type-safe slabs wait for a grace period");
  char who[256];
  if ((t.in_flight != 0 || quarantined) &&
      rcu::describe_blocker(reclaim::domain_of(c), who, sizeof who) != 0)
    out.add("; held back by %s", who);
  sync::lock_guard hold(c.lock);
  if (c.ripe_running) out.add("; a destructor of its objects runs");
  if (c.ripe_posted || c.ripe.head != nullptr)
    out.add("; destructors of its objects wait behind other callbacks");
}

}  // namespace

std::size_t why(teardown::cookie k, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  slab::cache* c = teardown::find_lingering(k);
  if (c == nullptr) {
    out.add("gone: every object is home and its memory is released");
    return out.needed();
  }
  const char* stage = slab::stage_of(*c) == GS_STAGE_CLOSING ? "closing" : "draining";
  out.add("cache '%s' is %s, %llu ms after it was destroyed", c->name, stage,
          static_cast<ull>(os::now_ms() - c->closed_at_ms));
  say_what_is_out(*c, out);
  if ((c->flags & slab::flag_once_fully_freed) != 0)
    out.add("; it was made to wait for its last object without complaint");
  if (c->splats != 0) out.add("; it was reported as leaking %u times", c->splats);
  char stack[900];
  if (os::describe_stack_id(c->destroy_stack, stack, sizeof stack) != 0)
    out.add("; destroyed by%s", stack);
  return out.needed();
}

}  // namespace graceslab::observe
