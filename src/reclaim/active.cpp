// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The caches that have something pending: what the background thread and the global barrier look
// at.
//
// - State: on the list: c.joined != 0. c.active says so to retirers, without the lock.
// - Invariants:
//   - A1 c.active == 1 => on the list; the other way round but while the background thread makes up
//     its mind.
//   - A2 retires pending => on the list.
#include <algorithm>

#include "os/exit.hpp"
#include "os/fence.hpp"
#include "reclaim/reclaim.hpp"

namespace graceslab::reclaim {
namespace {

constinit sync::mutex active_lock{sync::rank::active};
slab::cache* first;
slab::cache* last;
std::uint64_t joins;

// Under active_lock.
void link(slab::cache& c) noexcept {
  c.next_active = nullptr;
  c.previous_active = last;
  (last != nullptr ? last->next_active : first) = &c;
  last = &c;
  c.joined = ++joins;
}

void unlink(slab::cache& c) noexcept {
  (c.previous_active != nullptr ? c.previous_active->next_active : first) = c.next_active;
  (c.next_active != nullptr ? c.next_active->previous_active : last) = c.previous_active;
  c.next_active = c.previous_active = nullptr;
  c.joined = 0;
  gs_store_relaxed(&c.active, 0u);
}

// The next caches of a walk that got as far as `seen`. The list is in the order of joining, so a
// walk neither misses nor repeats one, whoever comes and goes; `hint` is where it stood, if that is
// still on the list.
unsigned next_batch(slab::cache* hint, std::uint64_t* seen, slab::cache** out) noexcept {
  sync::lock_guard hold(active_lock);
  bool there = hint != nullptr && hint->joined == *seen;
  slab::cache* at = there ? hint->next_active : first;
  while (at != nullptr && at->joined <= *seen) at = at->next_active;
  unsigned n = 0;
  for (; at != nullptr && n != batch; at = at->next_active) {
    out[n++] = at;
    (void)gs_fetch_add_relaxed(&at->walkers, 1u);
    *seen = at->joined;
  }
  return n;
}

// ORDER active.done <-> cache_table.reuse   (docs/ordering/background.md, claim 6)
// What was read of the records comes before they can be others. Those that a walk had at a fork
// rest for good in the child, when they end there.
void let_go(slab::cache** found, unsigned n) noexcept {
  for (unsigned i = 0; i != n; ++i) (void)gs_fetch_sub(&found[i]->walkers, 1u);
}

}  // namespace

void activate(slab::cache& c) noexcept {
  if (gs_load_relaxed(&c.active) == 0) {
    {
      sync::lock_guard hold(active_lock);
      if (slab::stage_of(c) == GS_STAGE_GONE) return;
      if (c.joined == 0) link(c);
      gs_store_relaxed(&c.active, 1u);
    }
    os::watch_for_exit();  // the cache exists and holds something: its destructor will want to know
  }
  slab::stage_of(c) == GS_STAGE_OPEN ? wake_background() : hurry_background();
}

bool deactivate_if_idle(slab::cache& c) noexcept {
  {
    sync::lock_guard hold(active_lock);
    gs_store_relaxed(&c.active, 0u);
  }
  // ORDER background.inactive <-> retire.pending   (docs/ordering/background.md, claim 1)
  // A retirer that saw active = 1 before the fence has stored its pending mark before it, and we
  // see the mark. Meanwhile the cache stays on the list, so that a global barrier misses nothing.
  bool idle = os::heavy_fence() && !anything_pending(c) && gs_load_relaxed(&c.touched) == 0;
  os::report_lost_fence();
  sync::lock_guard hold(active_lock);
  if (gs_load_relaxed(&c.active) != 0) return false;  // activated again meanwhile
  idle = idle && slab::stage_of(c) ==
                     GS_STAGE_OPEN;  // closing may have begun: it then counts on being on the list
  if (idle && c.joined != 0)
    unlink(c);
  else if (c.joined != 0)
    gs_store_relaxed(&c.active, 1u);
  return idle;
}

void for_each_active_batch(bool (*visit)(slab::cache** found, unsigned n, void*),
                           void* arg) noexcept {
  slab::cache* found[batch];
  std::uint64_t seen = 0;
  std::uint64_t last_join;
  {
    sync::lock_guard hold(active_lock);
    last_join = joins;  // those that join later are not waited for
  }
  for (slab::cache* hint = nullptr; seen < last_join;) {
    unsigned n = next_batch(hint, &seen, found);
    if (n == 0) return;
    hint = found[n - 1];  // visit may change the order
    slab::cache* walked[batch];
    std::copy_n(found, n, walked);
    const bool go_on = visit(found, n, arg);
    let_go(walked, n);
    if (!go_on) return;
  }
}

void for_each_active(bool (*visit)(slab::cache&, void*), void* arg) noexcept {
  struct each {
    bool (*visit)(slab::cache&, void*);
    void* arg;
  } one = {visit, arg};
  for_each_active_batch(
      [](slab::cache** found, unsigned n, void* to) noexcept {
        auto& e = *static_cast<each*>(to);
        for (unsigned i = 0; i != n; ++i)
          if (!e.visit(*found[i], e.arg)) return false;
        return true;
      },
      &one);
}

bool any_active() noexcept {
  sync::lock_guard hold(active_lock);
  return first != nullptr;
}

void forget(slab::cache& c) noexcept {
  sync::lock_guard hold(active_lock);
  if (c.joined != 0) unlink(c);
}

void prepare_fork() noexcept { active_lock.lock(); }
void after_fork(bool child) noexcept {
  child ? active_lock.reset_in_child() : active_lock.unlock();
}

}  // namespace graceslab::reclaim
