// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What comes after destroy: late frees, the background thread's look at lingering caches, an owner
// that is unloaded.
#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/run.hpp"
#include "slab/construct.hpp"
#include "slab/guard.hpp"
#include "slab/large.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

bool count_late(slab::cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  return ++c.late_frees == 1;
}

bool is_of(const slab::cache_glimpse& c, const rcu::whose& o) noexcept {
  return o.has(c.owner, reinterpret_cast<const void*>(c.ctor), nullptr) ||
         o.object.holds(reinterpret_cast<const void*>(c.dtor));
}

void report_left_inside(slab::cache& c, const rcu::whose& o) noexcept {
  os::draft text(GS_REPORT_EXIT_UNDRAINED);
  text.add("a constructor of a cache of %s did not return before the deadline of exit: ", o.name);
  text.add_from([&c](char* rest, std::size_t bytes) {
    (void)slab::describe_constructing(c, slab::stuck_stack::told, rest, bytes);
  });
}

// The code goes away: whoever is inside comes out first. The cache is closed, so nobody goes in any
// more.
void wait_for_constructors(slab::cache& c, const rcu::whose& o) noexcept {
  if (!slab::anybody_constructs(c)) return;
  if (slab::constructing(c))
    return rcu::report_here(GS_REPORT_WAIT_IN_CONSTRUCTOR,
                            "settling %s inside the constructor of cache '%s' would wait for "
                            "itself; it did not wait for constructors of that cache",
                            o.name, c.name);
  char waiter[280];
  const bool unloads = o.object.bytes != 0;
  base::writer(waiter, sizeof waiter).add("%s %s", unloads ? "unloading" : "settling", o.name);
  rcu::waiting_scope sitting;
  for (std::uint32_t t = home_ticket(); slab::anybody_constructs(c); t = home_ticket()) {
    if (rcu::deadline_passed()) return report_left_inside(c, o);
    slab::look_for_stuck_constructor(c, waiter);
    wait_for_change(t, constructor_look_ms);
  }
}

void settle_cache_of_owner(slab::cache& c, std::uintptr_t handle, const rcu::whose& o) noexcept {
  cookie k = 0;
  caller who = {nullptr, os::stack_id(os::capture_stack(1)), handle};
  if (slab::stage_of(c) == GS_STAGE_OPEN) {
    os::report(GS_REPORT_OWNER_UNLOADED,
               "cache '%s' of %s was not destroyed before its owner went; it is destroyed now",
               c.name, o.name);
    destroy(c, GS_POLICY_LINGER, who, &k);
  }
  wait_for_constructors(c, o);
  // Destructors are code of the owner: they run before it goes, or never.
  if (!slab::has_destructor(c)) return;
  (void)reclaim::wait_for_retires(c);
  reclaim::drop_destructor(c);
}

}  // namespace

std::uint64_t tend_draining(slab::cache& c, std::uint64_t now_ms) noexcept {
  if (slab::stage_of(c) != GS_STAGE_DRAINING) return os::forever_ms;
  if (settle(c)) return 0;
  std::uint64_t splat_ms = splat_if_due(c, now_ms);
  // Home, but somebody has an empty hand on it: look again soon.
  return all_home(c) && splat_ms > 1 ? 1 : splat_ms;
}

void late_free(slab::cache& c, void* object, const void* site) noexcept {
  // The object is still out, so the cache cannot end before it is named. What was retired under
  // hazard pointers comes home like this, and is not late.
  if (!hazard::deleting() && count_late(c) && (c.flags & slab::flag_once_fully_freed) == 0) {
    char where[160] = "";
    os::describe_address(site, where, sizeof where);
    os::report(
        GS_REPORT_LATE_FREE,
        "object %p of cache '%s' #%u was freed after the cache was destroyed, at %s; it is safe,"
        " and later ones are only counted",
        object, c.name, c.id, where);
  }
  slab::return_one(c, object);
  if (!finish_if_home(c)) reclaim::hurry_background();  // its slabs may wait for a grace period now
}

void settle_owner(const rcu::whose& o) noexcept {
  for (std::uint32_t id = 1; id < slab::cache_ids(); ++id) {
    slab::cache* c = slab::cache_from_id(id);
    slab::cache_glimpse seen;
    if (!slab::glimpse(*c, &seen) || !is_of(seen, o)) continue;
    slab::loan lent(*c, seen.handle);
    if (lent.get() != nullptr) settle_cache_of_owner(*c, seen.handle, o);
  }
}

// Where that cannot be waited for, settle_owner() does what is possible.
void settle_retires(const rcu::whose& o) noexcept {
  if (!rcu::may_wait()) return;
  for (std::uint32_t id = 1; id < slab::cache_ids(); ++id) {
    slab::cache* c = slab::cache_from_id(id);
    slab::cache_glimpse seen;
    if (!slab::glimpse(*c, &seen) || !is_of(seen, o) || seen.dtor == nullptr) continue;
    slab::loan lent(*c, seen.handle);
    if (lent.get() != nullptr) (void)reclaim::wait_for_retires(*c);
  }
}

}  // namespace graceslab::teardown

namespace graceslab::reclaim {
constinit const tend_function tend_lingering = teardown::tend_draining;
}
