// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Allocating: pop, else swap, else a full sheaf from the barn, else straight from a slab.
#include "os/busted.hpp"
#include "os/report.hpp"
#include "slab/construct.hpp"
#include "slab/debug.hpp"
#include "slab/fast.hpp"
#include "slab/guard.hpp"
#include "slab/hooks.hpp"
#include "slab/locals.hpp"
#include "slab/misuse.hpp"
#include "slab/patience.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace graceslab::slab {
namespace {

void set_live(cache& c, void* object) noexcept {
  if (!detects(c)) return;
  gs_store_relaxed(gs_state_of_ours(object, 0, c.inverse), std::uint8_t{GS_STATE_LIVE});
}

void* report_closed(std::uintptr_t handle, const void* site) noexcept {
  report_stale(reinterpret_cast<const kmem_cache*>(handle), "allocation", site);
  return nullptr;
}

// What is parked or reclaimable goes into the slabs, a sheaf of it. False: there is none.
bool flush_one(cache& c, std::uintptr_t handle) noexcept {
  os::open_window();
  transit in_hand(c);
  gs_sheaf* s = still_open_as(c, handle) ? full_for(c, &no_sheaf) : nullptr;
  if (s == nullptr) return false;
  flush(c, s);
  put_empty(c, s);
  touch(c);
  return true;
}

// Free, parked or reclaimable, else fresh ones. nullptr: no memory, or the cache was destroyed.
void* take_one(cache& c, std::uintptr_t handle) noexcept {
  void* object;
  if (take_objects(c, handle, &object, 1) != 0) return object;
  if (flush_one(c, handle) && take_objects(c, handle, &object, 1) != 0) return object;
  return c.ctor != nullptr ? construct(c, handle) : nullptr;
}

// Without an array of this thread's own: one object from a slab. Debug caches always come this way.
void* alloc_direct(cache& c, std::uintptr_t handle, const void* site) noexcept {
  void* object;
  for (;;) {
    object = take_one(c, handle);
    if (object == nullptr) return nullptr;
    if (!is_debug(c)) break;
    slab& s = slab_of(*granule_of(object));
    if (debug_before_alloc(c, s, static_cast<char*>(object), site)) return object;
  }
  set_live(c, object);
  return object;
}

// Pops after swapping in prev, under the owner's protection. nullptr: both are empty, or the record
// is closed.
void* pop_or_swap(cache& c, gs_local& l, bool* closed) noexcept {
  void* object = nullptr;
  *closed = !gs_local_enter(&l);
  if (!*closed) {
    if (l.main->count == 0) {
      gs_sheaf* swap = l.main;
      l.main = l.prev;
      l.prev = swap;
    }
    if (l.main->count != 0) {
      object = l.main->object[l.main->count - 1];
      set_live(c, object);
      gs_store_relaxed(&l.main->count, l.main->count - 1);
    }
  }
  gs_local_leave(&l);
  return object;
}

// Puts `s` in main's place and tells what stood there. False when the record is closed.
bool replace_main(gs_local& l, gs_sheaf* s, gs_sheaf** old) noexcept {
  bool open = gs_local_enter(&l);
  if (open) {
    *old = l.main;
    l.main = s;
  }
  gs_local_leave(&l);
  return open;
}

void put(cache& c, gs_sheaf* s) noexcept { s->count != 0 ? put_full(c, s) : put_empty(c, s); }

// A full sheaf for main, which is empty. False: there is none to be had.
bool refill(cache& c, std::uintptr_t handle, gs_local& l) noexcept {
  os::open_window();
  transit in_hand(c);
  if (!still_open_as(c, handle)) return false;
  gs_sheaf* old = nullptr;
  if (!replace_main(l, &no_sheaf, &old)) return true;  // to be looked at again
  gs_sheaf* s = full_for(c, old);
  if (s == nullptr) return false;
  if (!replace_main(l, s, &old)) old = s;
  put(c, old);
  return true;
}

// nullptr: no memory; or, and then *closed and reported, `handle` names no open cache any more.
void* take_any(cache& c, std::uintptr_t handle, const void* site, bool* closed) noexcept {
  while (open_as(c, handle)) {
    gs_local* l = is_debug(c) ? nullptr : attach(c, handle);
    bool standing_aside = false;
    void* object = l != nullptr ? pop_or_swap(c, *l, &standing_aside) : nullptr;
    if (object != nullptr) return object;
    // Whoever keeps the record closed is not waited for (docs/ordering/takeover.md, claim 4).
    if (standing_aside) l = nullptr;
    const bool refilled = l != nullptr && !parks_one(c) && refill(c, handle, *l);
    if (l != nullptr) touch(c);
    if (refilled) continue;
    object = alloc_direct(c, handle, site);
    if (object != nullptr || open_as(c, handle)) return object;
  }
  *closed = true;
  return report_closed(handle, site);
}

void* zeroed_if(const cache& c, void* object, unsigned gfp) noexcept {
  if (object != nullptr && (gfp & gfp_zero) != 0) __builtin_memset(object, 0, c.size);
  return object;
}

// Memory ran out. The cache may be destroyed while we wait, and its record be another's.
[[gnu::cold, gnu::noinline]] void* take_again(cache& c, std::uintptr_t handle, unsigned gfp,
                                              const void* site) noexcept {
  void* object = nullptr;
  bool closed = false;
  for (patience p{"allocation", c.size, gfp, site};
       object == nullptr && !closed && p.once_more(&c);)
    object = take_any(c, handle, site, &closed);
  return object;
}

}  // namespace

void* alloc_slow(std::uintptr_t handle, unsigned gfp, const void* site) noexcept {
  cache& c = record_of(handle);
  os::open_window();
  if (GS_UNLIKELY((gfp & gfp_zero) != 0 && c.ctor != nullptr && open_as(c, handle))) {
    os::report(GS_REPORT_ZERO_WITH_CONSTRUCTOR,
               "zeroed allocation from cache '%s', whose constructor would be undone; refused",
               c.name);
    return nullptr;
  }
  bool closed = false;
  void* object = gfp != 0 ? gs_local_take(local_of(c), 0) : nullptr;
  if (object == nullptr && (c.flags & flag_sized) == 0)
    if (void* alone = guard_alloc(c, handle, c.size, gfp, site)) return alone;
  if (object == nullptr) object = take_any(c, handle, site, &closed);
  if (GS_UNLIKELY(object == nullptr && !closed)) object = take_again(c, handle, gfp, site);
  return zeroed_if(c, object, gfp);
}

void* alloc_once(std::uintptr_t handle, unsigned gfp, const void* site) noexcept {
  cache& c = record_of(handle);
  bool closed = false;
  void* object = gs_local_take(local_of(c), 0);
  if (object == nullptr) object = take_any(c, handle, site, &closed);
  return zeroed_if(c, object, gfp);
}

bool alloc_bulk(cache& c, std::uintptr_t handle, unsigned gfp, std::size_t n, void** objects,
                const void* site) noexcept {
  for (std::size_t i = 0; i != n; ++i) {
    objects[i] = alloc(c, handle, gfp, site);
    if (objects[i] != nullptr) continue;
    while (i != 0) free_object(c, objects[--i], site);
    return false;
  }
  return true;
}

}  // namespace graceslab::slab
