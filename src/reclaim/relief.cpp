// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is done for an allocation that finds no memory, before it is refused: whatever is free,
// parked or reclaimed in any cache goes back to where all caches take it from; where the caller may
// wait, also what waits for a grace period.
//
// Context     no lock is held. No destructor runs on this thread: the caller may hold a lock that
//             one takes.
#include "os/clock.hpp"
#include "rcu/grace_period.hpp"
#include "reclaim/reclaim.hpp"

namespace graceslab::reclaim {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;

struct gain {
  const slab::cache* own;  // a free object of this one serves as well
  bool any = false;
};

bool give_back(slab::cache** found, unsigned n, void* arg) noexcept {
  auto& gained = *static_cast<gain*>(arg);
  for (unsigned i = 0; i != n; ++i) collect(*found[i]);
  flush_parked(found, n, slab::seize_how::insist);
  for (unsigned i = 0; i != n; ++i) {
    slab::cache& c = *found[i];
    if (&c == gained.own && slab::has_free_objects(c)) gained.any = true;
    if (slab::release_empty_slabs(c, os::forever_ms) != 0) gained.any = true;
  }
  return true;
}

bool wait_for_one(slab::cache& c, void*) noexcept {
  const std::uint64_t cookie = newest_waiting(c);
  gs_domain* d = domain_of(c);
  if (cookie == 0) return true;
  // Out of time, a look is still worth it: this may be another domain.
  if (rcu::deadline_passed())
    (void)rcu::try_advance(d, cookie);
  else
    (void)rcu::wait_with(d, cookie, rcu::effort::expedited);
  return true;
}

}  // namespace

bool relieve(slab::cache* c, std::uint64_t wait_most_ms) noexcept {
  gain gained = {c};
  for_each_active_batch(give_back, &gained);
  if (wait_most_ms == 0 || !rcu::may_wait()) return gained.any;
  {
    rcu::deadline_scope limit(os::now_ns() + wait_most_ms * ns_per_ms);
    for_each_active(wait_for_one, nullptr);
  }
  for_each_active_batch(give_back, &gained);
  return gained.any;
}

}  // namespace graceslab::reclaim
