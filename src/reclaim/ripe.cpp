// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Work per object at harvest: destructors (the owner's code) and page runs.
//
// Invariant   one thread at a time runs a cache's destructors (ripe_running), so whoever waits for the present run waits
//             for everything that was taken before. Nothing here is called under a lock.
#include "os/busted.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/debug.hpp"
#include "slab/large.hpp"
#include "sync/event.hpp"

namespace graceslab::reclaim {
namespace {

constexpr std::uint32_t marked_batch = 64;

constinit sync::event run_ended;

bool needs_work(const slab::cache& c) noexcept { return c.dtor != nullptr || slab::is_large(c); }

void end_objects(slab::cache& c, void* const* objects, std::uint32_t n) noexcept {
  if (c.dtor != nullptr) {
    rcu::owner_code owned(domain_of(c), c.owner, reinterpret_cast<const void*>(c.dtor));
    for (std::uint32_t i = 0; i != n; ++i) c.dtor(objects[i]);
  }
  if (slab::is_large(c))
    for (std::uint32_t i = 0; i != n; ++i) slab::large_free(objects[i]);
}

// A destructor that waits for its own cache would wait for itself.
bool waits_for_itself(slab::cache& c) noexcept {
  return c.dtor != nullptr && rcu::current_callback() == reinterpret_cast<const void*>(c.dtor);
}

bool begin_run(slab::cache& c, bool wait) noexcept {
  for (;;) {
    std::uint32_t ticket = run_ended.ticket();
    {
      sync::lock_guard hold(c.lock);
      if (!c.ripe_running) return c.ripe_running = true;
    }
    if (!wait || waits_for_itself(c)) return false;
    run_ended.wait(ticket, os::forever_ms);
  }
}

void end_run(slab::cache& c) noexcept {
  {
    sync::lock_guard hold(c.lock);
    c.ripe_running = false;
  }
  run_ended.notify_all();
}

void count_home(slab::cache& c, std::uint32_t n) noexcept {
  {
    sync::lock_guard hold(c.lock);
    c.reclaimed_objects += n;
  }
  reclaimed(c, n);
}

// The sheaf's objects become allocatable (page runs: are gone).
void finish_sheaf(slab::cache& c, gs_sheaf* s) noexcept {
  std::uint32_t n = s->count;
  if (slab::is_large(c)) {
    gs_store_relaxed(&s->count, 0u);
    count_home(c, n);
    slab::put_empty(c, s);
    return;
  }
  {
    sync::lock_guard hold(c.lock);
    slab::push(c.reclaimed, s);
    c.reclaimed_objects += n;
  }
  reclaimed(c, n);
}

void run_posted(rcu_head* head) noexcept {
  auto offset = reinterpret_cast<std::uintptr_t>(head) & (slab::cache_record_bytes - 1);
  auto& c = *reinterpret_cast<slab::cache*>(reinterpret_cast<std::uintptr_t>(head) - offset);
  {
    sync::lock_guard hold(c.lock);
    c.ripe_posted = false;
  }
  run_ripe(c, false);
  activate(c);  // a lingering cache may be complete now
}

}  // namespace

bool ripe_idle(slab::cache& c) noexcept {
  return c.ripe.head == nullptr && !c.ripe_running && !c.ripe_posted;
}

void run_ripe(slab::cache& c, bool wait) noexcept {
  if (!needs_work(c)) return;
  while (begin_run(c, wait)) {
    gs_sheaf* s;
    {
      sync::lock_guard hold(c.lock);
      s = slab::pop(c.ripe);
    }
    if (s != nullptr) {
      end_objects(c, s->object, s->count);
      finish_sheaf(c, s);
    }
    end_run(c);
    if (s == nullptr) return;
  }
}

void ripen(slab::cache& c) noexcept {
  if (slab::is_large(c)) return run_ripe(c, false);
  {
    sync::lock_guard hold(c.lock);
    if (c.ripe_posted) return;
    c.ripe_posted = true;
  }
  // Destructors may block: they run where callbacks run, as code of the cache's owner.
  rcu::call(domain_of(c), &c.ripe_head, run_posted, c.owner);
}

void collect_marked(slab::cache& c) noexcept {
  void* objects[marked_batch];
  for (;;) {
    if (!begin_run(c, true)) return;
    std::uint32_t n = slab::gather_marked(c, objects, marked_batch);
    end_objects(c, objects, n);
    {
      slab::transit in_hand(c);
      if (!slab::is_large(c)) {
        if (slab::is_debug(c))
          for (std::uint32_t i = 0; i != n; ++i) slab::debug_after_reclaim(c, static_cast<char*>(objects[i]));
        slab::return_objects(c, objects, n);
      }
      if (n != 0) count_home(c, n);
    }
    end_run(c);
    if (n != marked_batch) return;
  }
}

}  // namespace graceslab::reclaim
