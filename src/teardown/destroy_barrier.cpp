// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A9: waiting for destroys that linger, all of them or one.
#include <errno.h>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/report.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

constexpr std::uint64_t look_again_ms = 10;

bool refuse_here(const char* what) noexcept {
  if (rcu::in_any_reader()) {
    os::report(GS_REPORT_BARRIER_IN_READER, "%s inside a read-side section would wait for itself; it did not wait", what);
    return true;
  }
  if (!rcu::in_callback()) return false;
  os::report(GS_REPORT_WAIT_IN_CALLBACK, "%s inside a callback would wait for itself; it did not wait", what);
  return true;
}

struct waited {
  slab::cache* next;    // one that has to be waited for; nullptr: none
  std::uint64_t due_ms; // when it splats
  bool leaking;         // some cache was splatted already
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

// One grace period per domain for everything that lingers, then everything home that can be.
void drive_all() noexcept {
  rcu::for_each_domain([](gs_domain* d, void*) { reclaim::retire_barrier(d); }, nullptr);
  auto wait_quarantine = [](slab::cache& c, void*) {
    std::uint64_t newest = slab::stage_of(c) == GS_STAGE_DRAINING ? slab::newest_quarantine(c) : 0;
    if (newest != 0 && !rcu::done(reclaim::domain_of(c), newest)) (void)rcu::wait(reclaim::domain_of(c), newest);
    return true;
  };
  reclaim::for_each_active(wait_quarantine, nullptr);
  auto take_home = [](slab::cache& c, void*) {
    if (slab::stage_of(c) == GS_STAGE_DRAINING) settle(c);
    return true;
  };
  reclaim::for_each_active(take_home, nullptr);
}

void drive_one(slab::cache& c) noexcept {
  (void)reclaim::wait_for_retires(c);
  std::uint64_t newest = slab::newest_quarantine(c);
  if (newest != 0) (void)rcu::wait(reclaim::domain_of(c), newest);
  settle(c);
}

// Sleeps until something changed or the cache is due for its splat, and splats it then.
void wait_or_splat(slab::cache& c, std::uint32_t ticket, std::uint64_t due_ms) noexcept {
  std::uint64_t now = os::now_ms();
  if (now >= due_ms) {
    splat_if_due(c, now);
    return;
  }
  std::uint64_t left = due_ms - now;
  wait_for_change(ticket, left < look_again_ms ? left : look_again_ms);
  settle(c);
}

}  // namespace

int destroy_barrier() noexcept {
  if (refuse_here("kmem_cache_destroy_barrier()")) return -EDEADLK;
  std::uint64_t limit = newest_ticket();
  if (limit == 0) return 0;
  drive_all();
  for (;;) {
    std::uint32_t ticket = home_ticket();
    waited w = look(limit);
    if (w.next == nullptr) return w.leaking ? -EBUSY : 0;
    wait_or_splat(*w.next, ticket, w.due_ms);
  }
}

int destroy_barrier_one(cookie k) noexcept {
  slab::cache* c = find_lingering(k);
  if (c == nullptr) return 0;
  if (refuse_here("kmem_cache_destroy_barrier_one()")) return -EDEADLK;
  drive_one(*c);
  for (;;) {
    std::uint32_t ticket = home_ticket();
    if (find_lingering(k) == nullptr) return 0;
    std::uint64_t due_ms;
    {
      sync::lock_guard hold(lingering_lock);
      if (c->splats != 0 && cookie_of(*c) == k) return -EBUSY;
      due_ms = (c->flags & slab::flag_once_fully_freed) != 0 ? os::forever_ms : c->next_splat_ms;
    }
    wait_or_splat(*c, ticket, due_ms);
  }
}

}  // namespace graceslab::teardown
