// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A9: waiting for destroys that linger, all of them or one.
#include <errno.h>

#include <initializer_list>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "rcu/grace_period.hpp"
#include "slab/construct.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

constexpr std::uint64_t look_again_ms = 10;

bool refuse_here(const char* what) noexcept {
  if (rcu::in_any_reader()) {
    rcu::report_here(GS_REPORT_BARRIER_IN_READER,
                     "%s inside a read-side section would wait for itself; it did not wait", what);
    return true;
  }
  auto ends = [](const slab::cache& c, const void*) { return slab::stage_of(c) != GS_STAGE_OPEN; };
  if (const slab::cache* c = slab::constructing(ends, nullptr)) {
    rcu::report_here(GS_REPORT_WAIT_IN_CONSTRUCTOR,
                     "%s inside the constructor of cache '%s', which was destroyed, would wait for "
                     "itself; it did not wait",
                     what, c->name);
    return true;
  }
  if (!rcu::in_callback()) return false;
  rcu::report_here(GS_REPORT_WAIT_IN_CALLBACK,
                   "%s inside a callback would wait for itself; it did not wait", what);
  return true;
}

struct waited {
  slab::cache* next;     // one that has to be waited for; nullptr: none
  std::uint64_t due_ms;  // when it splats
  bool leaking;          // some cache was splatted already
};

// The caches closed up to `limit` that count. Under no lock afterwards: records are type-stable.
waited look(std::uint64_t limit) noexcept {
  waited w = {nullptr, os::forever_ms, false};
  sync::lock_guard hold(lingering_lock);
  for (slab::cache* c = first_lingering(); c != nullptr; c = c->next_lingering) {
    if (c->ticket > limit || (c->flags & slab::flag_once_fully_freed) != 0) continue;
    if (c->splats != 0) {
      w.leaking = true;
    } else if (w.next == nullptr) {
      w.next = c;
      w.due_ms = c->next_splat_ms;
    }
  }
  return w;
}

std::uint64_t newest_ticket() noexcept {
  std::uint64_t newest = 0;
  sync::lock_guard hold(lingering_lock);
  for (slab::cache* c = first_lingering(); c != nullptr; c = c->next_lingering)
    if (c->ticket > newest) newest = c->ticket;
  return newest;
}

std::uint64_t newest_cookie(slab::cache& c) noexcept {
  std::uint64_t newest = reclaim::in_flight(c).newest;
  for (std::uint64_t other : {slab::newest_quarantine(c), slab::newest_mark(c)})
    if (other > newest) newest = other;
  return newest;
}

// What can be done for a lingering cache without waiting; the grace period is shared by all that
// wait for it.
void drive(slab::cache& c) noexcept {
  if (slab::stage_of(c) != GS_STAGE_DRAINING) return;
  if (std::uint64_t newest = newest_cookie(c); newest != 0)
    (void)rcu::try_advance(reclaim::domain_of(c), newest);
  reclaim::run_ripe(c, false);
  (void)hazard::scan();
  hazard::run_handed_in(retired_in(c));  // perhaps there is no worker
  settle(c);
}

void drive_all() noexcept {
  auto one = [](slab::cache& c, void*) {
    drive(c);
    return true;
  };
  reclaim::for_each_active(one, nullptr);
}

// Waits a little longer each time, but wakes when something changed.
class patience {
 public:
  void wait(std::uint32_t ticket, std::uint64_t due_ms) noexcept {
    if (spins_ < short_waits) {
      ++spins_;
      os::sleep_us(short_wait_us);
      return;
    }
    std::uint64_t now = os::now_ms();
    std::uint64_t left = due_ms > now ? due_ms - now : 0;
    wait_for_change(ticket, left < look_again_ms ? left : look_again_ms);
  }

 private:
  static constexpr unsigned short_waits = 20;
  static constexpr std::uint64_t short_wait_us = 50;
  unsigned spins_ = 0;
};

// Whether user code that this cache waits for does not return.
void look_for_stuck(slab::cache& c) noexcept {
  (void)rcu::look_for_stuck();
  slab::look_for_stuck_constructor(c);
}

void splat_when_due(slab::cache& c, std::uint64_t due_ms) noexcept {
  if (std::uint64_t now = os::now_ms(); now >= due_ms) (void)splat_if_due(c, now);
}

}  // namespace

int destroy_barrier() noexcept {
  if (refuse_here("kmem_cache_destroy_barrier()")) return -EDEADLK;
  std::uint64_t limit = newest_ticket();
  for (patience p; limit != 0;) {
    std::uint32_t ticket = home_ticket();
    if (look(limit).next != nullptr) drive_all();
    waited w = look(limit);
    if (w.next == nullptr) return w.leaking ? -EBUSY : 0;
    look_for_stuck(*w.next);
    splat_when_due(*w.next, w.due_ms);
    p.wait(ticket, w.due_ms);
  }
  return 0;
}

int destroy_barrier_one(cookie k) noexcept {
  std::uintptr_t handle;
  slab::cache* c = find_lingering(k, &handle);
  if (c == nullptr) return 0;
  slab::loan lent(*c, handle);
  if (lent.get() == nullptr) return 0;
  if (refuse_here("kmem_cache_destroy_barrier_one()")) return -EDEADLK;
  for (patience p;;) {
    std::uint32_t ticket = home_ticket();
    std::uint64_t due_ms;
    {
      sync::lock_guard hold(lingering_lock);
      if (cookie_of(*c) == k && c->splats != 0) return -EBUSY;
      due_ms = (c->flags & slab::flag_once_fully_freed) != 0 ? os::forever_ms : c->next_splat_ms;
    }
    drive(*c);
    if (find_lingering(k) == nullptr) return 0;
    look_for_stuck(*c);
    splat_when_due(*c, due_ms);
    p.wait(ticket, due_ms);
  }
}

}  // namespace graceslab::teardown
