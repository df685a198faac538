// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The caches that have something pending: what the background thread and the global barrier look at.
//
// Invariants  A1 c.active == 1 <=> c is on the list.   A2 retires pending => c.active == 1, up to the Dekker below.
#include "os/fence.hpp"
#include "reclaim/reclaim.hpp"

namespace graceslab::reclaim {
namespace {

constinit sync::mutex active_lock{sync::rank::active};
slab::cache* first;
slab::cache* last;

// Under active_lock.
void link(slab::cache& c) noexcept {
  c.next_active = nullptr;
  c.previous_active = last;
  (last != nullptr ? last->next_active : first) = &c;
  last = &c;
  gs_store_relaxed(&c.active, 1u);
}

void unlink(slab::cache& c) noexcept {
  (c.previous_active != nullptr ? c.previous_active->next_active : first) = c.next_active;
  (c.next_active != nullptr ? c.next_active->previous_active : last) = c.previous_active;
  c.next_active = c.previous_active = nullptr;
  gs_store_relaxed(&c.active, 0u);
}

constexpr unsigned batch = 64;

// The next caches after `after` (nullptr: from the start). A cache that left the list meanwhile restarts the walk: the
// visits are idempotent.
unsigned next_batch(slab::cache* after, slab::cache** out) noexcept {
  sync::lock_guard hold(active_lock);
  slab::cache* at = after == nullptr ? first : gs_load_relaxed(&after->active) != 0 ? after->next_active : first;
  unsigned n = 0;
  for (; at != nullptr && n != batch; at = at->next_active) out[n++] = at;
  return n;
}

}  // namespace

void activate(slab::cache& c) noexcept {
  {
    sync::lock_guard hold(active_lock);
    if (gs_load_relaxed(&c.active) != 0) return;
    link(c);
  }
  ensure_background();
  wake_background();
}

bool deactivate_if_idle(slab::cache& c) noexcept {
  {
    sync::lock_guard hold(active_lock);
    if (gs_load_relaxed(&c.active) == 0) return true;
    unlink(c);
  }
  // ORDER background.inactive <-> retire.pending   (docs/ordering/background.md, claim 1)
  // A retirer that saw active = 1 before the fence has stored its pending mark before it, and we see the mark.
  bool fenced = os::heavy_fence();
  if (fenced && !anything_pending(c)) return true;
  activate(c);
  return false;
}

void for_each_active(bool (*visit)(slab::cache&, void*), void* arg) noexcept {
  slab::cache* found[batch];
  slab::cache* after = nullptr;
  // A walk that is restarted for ever by others' comings and goings ends after one look at each cache there can be.
  for (std::uint64_t looked = 0; looked <= 2 * std::uint64_t{slab::cache_ids()};) {
    unsigned n = next_batch(after, found);
    if (n == 0) return;
    for (unsigned i = 0; i != n; ++i)
      if (!visit(*found[i], arg)) return;
    looked += n;
    after = found[n - 1];
  }
}

void prepare_fork() noexcept { active_lock.lock(); }
void after_fork(bool child) noexcept { child ? active_lock.reset_in_child() : active_lock.unlock(); }

}  // namespace graceslab::reclaim
