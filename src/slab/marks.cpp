// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects that are retired where they lie, by their state: those of a cache or thread without
// arrays. What is marked in a slab waits for one cookie; what comes later, for the next one.
//
// Slabs with marked objects stand in a list, in the order of their cookies.
#include "os/clock.hpp"
#include "os/event.hpp"
#include "slab/hooks.hpp"
#include "slab/outlying.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace graceslab::slab {

std::uint64_t newest_mark(cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  return c.last_marked != nullptr ? c.last_marked->mark_cookie : 0;
}

std::uint64_t oldest_mark(cache& c) noexcept {
  if (marked_objects(c) == 0) return 0;
  sync::lock_guard hold(c.slabs_lock);
  return c.first_marked != nullptr ? c.first_marked->mark_cookie : 0;
}

namespace {

// A new cookie for what is marked in `s` from now on. Under slabs_lock, so they grow along the
// list.
void join_marked(cache& c, slab& s) noexcept {
  s.mark_cookie = hooks.snapshot(c.domain);
  s.next_marked = nullptr;
  if (c.first_marked == nullptr) c.marked_since_ms = os::coarse_ms();
  (c.last_marked != nullptr ? c.last_marked->next_marked : c.first_marked) = &s;
  c.last_marked = &s;
}

void leave_marked(cache& c) noexcept {
  c.first_marked = c.first_marked->next_marked;
  c.marked_since_ms = os::coarse_ms();
  if (c.first_marked == nullptr) c.last_marked = nullptr;
}

}  // namespace

void mark_retired(cache& c, void* object) noexcept { hooks.deferred(c, 1, mark(c, object)); }

std::uint64_t mark(cache& c, void* object) noexcept {
  // In hand while it is counted and not marked, or a child that is forked meanwhile would wait for
  // it.
  transit in_hand(c);
  std::uint64_t depth;
  const void* runner = gs_load_relaxed(&c.runner);
  const bool heir = runner != nullptr && runner == gs_tls.thread;
  {
    sync::lock_guard hold(c.lock);
    ++c.retired;
  }
  {
    sync::lock_guard hold(c.slabs_lock);
    const gs_granule* granule = granule_of(object);
    slab& s = granule != nullptr ? slab_of(*granule) : *outlying_at(object);
    bool now = s.marked == 0;
    set_state(s, index_of(s, object), now ? GS_STATE_MARKED : GS_STATE_MARKED_NEXT);
    ++(now ? s.marked : s.marked_next);
    if (now) join_marked(c, s);
    os::event::retire(c.id, 1, now ? s.mark_cookie : 0, c.name);
    depth = c.marked + 1;
    gs_store_relaxed(&c.marked, depth);
    if (heir) ++c.heirs_marked;
  }
  return depth;
}

namespace {

// Takes MARKED objects out of one slab, the first of those that hold any; when none is left, the
// next ones get their cookie. Under slabs_lock.
std::uint32_t gather_slab(cache& c, slab& s, void** out, std::uint32_t n) noexcept {
  std::uint32_t taken = 0;
  for (std::uint32_t i = 0; i != s.carved && taken != n && s.marked != 0; ++i) {
    if (state_of(s, i) != GS_STATE_MARKED) continue;
    set_state(s, i, GS_STATE_RETIRED);
    --s.marked;
    out[taken++] = object_at(s, i);
  }
  if (s.marked != 0) return taken;
  leave_marked(c);
  if (s.marked_next == 0) return taken;
  for (std::uint32_t i = 0; i != s.carved; ++i)
    if (state_of(s, i) == GS_STATE_MARKED_NEXT) set_state(s, i, GS_STATE_MARKED);
  s.marked = s.marked_next;
  s.marked_next = 0;
  join_marked(c, s);
  return taken;
}

}  // namespace

std::uint32_t gather_marked(cache& c, void** out, std::uint32_t n) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  std::uint32_t taken = 0;
  for (slab* s;
       taken != n && (s = c.first_marked) != nullptr && hooks.ready(c.domain, s->mark_cookie);)
    taken += gather_slab(c, *s, out + taken, n - taken);
  gs_store_relaxed(&c.marked, c.marked - taken);
  return taken;
}

}  // namespace graceslab::slab
