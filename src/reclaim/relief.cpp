// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is done for an allocation that finds no memory, before it is refused: whatever is free,
// parked or reclaimed in any cache goes back to where all caches take it from; where the caller may
// wait, also what waits for a grace period.
//
// - Context: no lock is held. No destructor runs on this thread: the caller may hold a lock that
//   one takes.
#include "os/clock.hpp"
#include "rcu/grace_period.hpp"
#include "reclaim/reclaim.hpp"

namespace graceslab::reclaim {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;

// Which caches it is about, and what it came to.
struct relief {
  const slab::cache* own;  // a free object of this one serves as well
  slab::limited by;
  bool gained = false;

  bool is_about(const slab::cache& c) const noexcept {
    if (by == slab::limited::by_process || own == nullptr) return true;
    return &c == own || (by == slab::limited::by_domain && domain_of(c) == domain_of(*own));
  }
};

bool give_back(slab::cache** found, unsigned n, void* arg) noexcept {
  auto& r = *static_cast<relief*>(arg);
  slab::cache* some[batch];
  unsigned count = 0;
  for (unsigned i = 0; i != n; ++i)
    if (r.is_about(*found[i])) some[count++] = found[i];
  for (unsigned i = 0; i != count; ++i) collect(*some[i]);
  if (count != 0) flush_parked(some, count, slab::seize_how::insist);
  for (unsigned i = 0; i != count; ++i) {
    slab::cache& c = *some[i];
    if (&c == r.own && slab::has_free_objects(c)) r.gained = true;
    if (slab::release_empty_slabs(c, os::forever_ms) != 0) r.gained = true;
  }
  return true;
}

bool wait_for_one(slab::cache& c, void* arg) noexcept {
  if (!static_cast<relief*>(arg)->is_about(c)) return true;
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

bool relieve(slab::cache* c, slab::limited by, std::uint64_t wait_most_ms) noexcept {
  relief r = {c, by};
  for_each_active_batch(give_back, &r);
  if (wait_most_ms == 0 || !rcu::may_wait()) return r.gained;
  {
    rcu::deadline_scope limit(os::now_ns() + wait_most_ms * ns_per_ms);
    for_each_active(wait_for_one, &r);
  }
  for_each_active_batch(give_back, &r);
  return r.gained;
}

}  // namespace graceslab::reclaim
