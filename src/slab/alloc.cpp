// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Allocating: pop, else swap, else a full sheaf from the barn, else straight from a slab.
#include "os/report.hpp"
#include "slab/debug.hpp"
#include "slab/fast.hpp"
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

void* report_closed(cache& c, const void* site) noexcept {
  report_stale(handle_of(c), "allocation", site);
  return nullptr;
}

// What is parked or reclaimable goes into the slabs, a sheaf of it. False: there is none.
bool flush_one(cache& c) noexcept {
  transit in_hand(c);
  gs_sheaf* s = still_open(c) ? full_for(c, &no_sheaf) : nullptr;
  if (s == nullptr) return false;
  flush(c, s);
  put_empty(c, s);
  touch(c);
  return true;
}

// Without an array of this thread's own: one object from a slab. Debug caches always come this way.
void* alloc_direct(cache& c, const void* site) noexcept {
  void* object = nullptr;
  for (;;) {
    if (take_objects(c, &object, 1) == 0 && (!flush_one(c) || take_objects(c, &object, 1) == 0))
      return nullptr;
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
bool refill(cache& c, gs_local& l) noexcept {
  transit in_hand(c);
  if (!still_open(c)) return false;
  gs_sheaf* old = nullptr;
  if (!replace_main(l, &no_sheaf, &old)) return true;  // to be looked at again
  gs_sheaf* s = full_for(c, old);
  if (s == nullptr) return false;
  if (!replace_main(l, s, &old)) old = s;
  put(c, old);  // something only where a constructor allocated meanwhile
  return true;
}

void* take_any(cache& c, const void* site) noexcept {
  for (;;) {
    if (stage_of(c) != GS_STAGE_OPEN) return report_closed(c, site);
    gs_local* l = is_debug(c) ? nullptr : attach(c);
    if (l == nullptr) return alloc_direct(c, site);
    bool closed;
    if (void* object = pop_or_swap(c, *l, &closed)) return object;
    if (closed) {
      if (!wait_until_open(c)) return report_closed(c, site);
      continue;
    }
    const bool refilled = refill(c, *l);
    touch(c);
    if (!refilled && stage_of(c) == GS_STAGE_OPEN) return alloc_direct(c, site);
  }
}

// Memory ran out. The cache may be destroyed while we wait, and its record be another's.
[[gnu::cold, gnu::noinline]] void* take_again(cache& c, unsigned gfp, const void* site) noexcept {
  const std::uintptr_t handle = c.handle;
  void* object = nullptr;
  for (patience p{"allocation", c.size, gfp, site}; object == nullptr;) {
    if (stage_of(c) != GS_STAGE_OPEN || !p.once_more(&c)) break;
    if (c.handle != handle) {
      report_stale(reinterpret_cast<const kmem_cache*>(handle), "allocation", site);
      break;
    }
    object = take_any(c, site);
  }
  return object;
}

}  // namespace

void* alloc_slow(cache& c, unsigned gfp, const void* site) noexcept {
  if (GS_UNLIKELY((gfp & gfp_zero) != 0 && c.ctor != nullptr)) {
    os::report(GS_REPORT_ZERO_WITH_CONSTRUCTOR,
               "zeroed allocation from cache '%s', whose constructor would be undone; refused",
               c.name);
    return nullptr;
  }
  void* object = gfp != 0 ? gs_local_take(local_of(c), 0) : nullptr;
  if (object == nullptr) object = take_any(c, site);
  if (GS_UNLIKELY(object == nullptr)) object = take_again(c, gfp, site);
  if (object != nullptr && (gfp & gfp_zero) != 0) __builtin_memset(object, 0, c.size);
  return object;
}

bool alloc_bulk(cache& c, unsigned gfp, std::size_t n, void** objects, const void* site) noexcept {
  for (std::size_t i = 0; i != n; ++i) {
    objects[i] = alloc(c, gfp, site);
    if (objects[i] != nullptr) continue;
    while (i != 0) free_object(c, objects[--i], site);
    return false;
  }
  return true;
}

}  // namespace graceslab::slab
