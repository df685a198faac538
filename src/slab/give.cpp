// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Giving back: free (at once) and retire (after a grace period). Neither fails, blocks or touches
// the object.
#include "os/clock.hpp"
#include "os/report.hpp"
#include "slab/debug.hpp"
#include "slab/guard.hpp"
#include "slab/hooks.hpp"
#include "slab/large.hpp"
#include "slab/locals.hpp"
#include "slab/misuse.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace graceslab::slab {
namespace {

gs_sheaf*& sheaf_for(gs_local& l, giving what) noexcept {
  return what == giving::free ? l.main : l.rcu;
}

enum class pushed { yes, full, closed };

// One protected step (`state` is nullptr in a cache without detection): push, after swapping main
// with prev if that makes room.
pushed try_push(gs_local& l, giving what, void* object, std::uint8_t* state) noexcept {
  pushed result = pushed::closed;
  if (gs_local_enter(&l)) {
    if (what == giving::free && l.main->count == l.main->capacity &&
        l.prev->count < l.prev->capacity) {
      gs_sheaf* swap = l.main;
      l.main = l.prev;
      l.prev = swap;
    }
    gs_sheaf* s = sheaf_for(l, what);
    result = s->count < s->capacity ? pushed::yes : pushed::full;
    if (result == pushed::yes) {
      if (state != nullptr)
        gs_store_relaxed(state,
                         std::uint8_t(what == giving::free ? GS_STATE_FREE : GS_STATE_RETIRED));
      if (what == giving::retire) gs_store_relaxed(&l.pending, std::uint8_t{1});
      s->object[s->count] = object;
      gs_store_relaxed(&s->count, s->count + 1);
    }
  }
  gs_local_leave(&l);
  return result;
}

// Takes the full sheaf out of the record. For free, that is prev, whose place main takes. False
// when the record is closed, and then nothing is taken.
bool take_full(gs_local& l, giving what, gs_sheaf** full) noexcept {
  bool open = gs_local_enter(&l);
  if (open) {
    *full = what == giving::free ? l.prev : l.rcu;
    if (what == giving::free) l.prev = l.main;
    sheaf_for(l, what) = &no_sheaf;
  }
  gs_local_leave(&l);
  return open;
}

bool install_empty(gs_local& l, giving what, gs_sheaf* s) noexcept {
  bool open = gs_local_enter(&l);
  if (open) sheaf_for(l, what) = s;
  gs_local_leave(&l);
  return open;
}

void give_direct(cache& c, void* object, giving what) noexcept {
  if (what == giving::retire) return mark_retired(c, object);
  return_one(c, object);
  touch(c);
  // Who destroyed it meanwhile may have looked before this object was home. Or the cache has ended,
  // and its record is another's, for which this is harmless.
  if (GS_UNLIKELY(stage_of(c) != GS_STAGE_OPEN)) hooks.activate(c);
}

// A run may be huge: it waits in no partly filled array. From its state to the list it is in hand.
large_run retire_large(cache& c, void* object) noexcept {
  gs_sheaf* s;
  std::uint64_t depth = 0;
  large_run run;
  {
    transit in_hand(c);
    run = large_retire(object);
    if (run.state != GS_STATE_LIVE) return run;
    hooks.weigh(c, static_cast<std::int64_t>(run.bytes));
    s = empty_sheaf(c);
    if (s == nullptr) {
      depth = mark(c, object);
    } else {
      s->object[0] = object;
      gs_store_relaxed(&s->count, 1u);
      depth = append_deferred(c, s);
    }
  }
  hooks.deferred(c, 1, depth);
  if (s != nullptr) hooks.activate(c);
  return run;
}

void give_large(cache& c, void* object, giving what, const void* site) noexcept {
  debug_run_given(c, object, what == giving::free ? owned::freed : owned::retired, site);
  const large_run run = what == giving::free ? large_free(object) : retire_large(c, object);
  if (GS_UNLIKELY(run.state != GS_STATE_LIVE)) report_run(c, object, run.state, what, site);
}

// A free or retire after destroy: straight into the slab, counted, and perhaps the one that ends
// the cache.
void give_late(cache& c, void* object, giving what, const void* site) noexcept {
  if (what == giving::retire)
    mark_retired(c, object);
  else
    hooks.late_free(c, object, site);
}

// It goes straight home, or is marked. Where another thread was faster, that is found in its state.
void give_guarded(cache& c, slab& s, giving what, const void* site) noexcept {
  std::uint8_t* state;
  if (!guard_before_give(c, s, what == giving::free ? owned::freed : owned::retired, site))
    return (void)checked(c, s.start, what, site, &state);
  stage_of(c) != GS_STAGE_OPEN ? give_late(c, s.start, what, site) : give_direct(c, s.start, what);
}

enum class round { done, again, no_array, closed };

// An empty sheaf for the full one, which goes where it belongs.
round exchange(cache& c, gs_local& l, giving what) noexcept {
  std::uint32_t n = 0;
  std::uint64_t depth = 0;
  bool got = false;
  {
    transit in_hand(c);
    gs_sheaf* full = nullptr;
    if (!take_full(l, what, &full)) return round::again;
    gs_sheaf* s = nullptr;
    if (what == giving::retire && full->count != 0) {
      n = full->count;
      if (&l == gs_load_relaxed(&c.run_local))
        append_heirs(c, full);
      else
        depth = append_deferred(c, full, &s);
      if (s == nullptr) s = sheaf_new(c);
    } else {
      s = empty_for(c, full);
    }
    got = s != nullptr;
    if (got && !install_empty(l, what, s)) put_empty(c, s);
  }
  if (n != 0) hooks.deferred(c, n, depth);
  return got ? round::again : round::no_array;
}

// False: it has an array for free objects, or is closed.
bool has_none(gs_local& l) noexcept {
  const bool none = gs_local_enter(&l) && l.main == &no_sheaf && l.prev == &no_sheaf;
  gs_local_leave(&l);
  return none;
}

// The one array for the one object that a thread keeps; where there is one, it is full.
round make_room_for_one(cache& c, gs_local& l) noexcept {
  transit in_hand(c);
  gs_sheaf* s = has_none(l) ? sheaf_new(c) : nullptr;
  if (s == nullptr) return round::no_array;
  if (!install_empty(l, giving::free, s)) put_empty(c, s);
  return round::again;
}

// One round of the slow path.
round give_round(cache& c, void* object, std::uint8_t* state, giving what) noexcept {
  if (what == giving::retire && parks_one(c)) return round::no_array;
  gs_local* l = attach(c, c.handle);  // for good: an object of it is out
  if (l == nullptr) return round::no_array;
  switch (try_push(*l, what, object, state)) {
    case pushed::yes:
      // ORDER retire.pending <-> background.inactive   (docs/ordering/background.md, claim 1)
      // The pending mark was stored before this load of active; who clears active heavy-fences,
      // then looks at the marks.
      gs_light_fence();
      if (what == giving::retire) hooks.activate(c);
      return round::done;
    case pushed::closed:
      if (l != gs_load_relaxed(&c.run_local)) return round::closed;
      let_seizers_pass(c);
      return round::again;
    case pushed::full:
      break;
  }
  const round exchanged = parks_one(c) ? make_room_for_one(c, *l) : exchange(c, *l, what);
  touch(c);
  return exchanged;
}

// False only when `must_array` and none could be had.
bool give_slow(cache& c, void* object, giving what, const void* site, bool must_array) noexcept {
  if (GS_UNLIKELY(is_large(c))) return give_large(c, object, what, site), true;
  std::uint8_t* state = nullptr;
  if (!checked(c, object, what, site, &state)) return true;
  if (slab* alone = guard_around(c, object); GS_UNLIKELY(alone != nullptr))
    return give_guarded(c, *alone, what, site), true;
  if (GS_UNLIKELY(is_debug(c))) {
    slab& s = slab_of(*granule_of(object));
    const owned end = what == giving::free ? owned::freed : owned::retired;
    if (!debug_before_free(c, s, static_cast<char*>(object), end, site)) return true;
    if (what == giving::free) debug_after_free(c, static_cast<char*>(object));
    stage_of(c) != GS_STAGE_OPEN ? give_late(c, object, what, site) : give_direct(c, object, what);
    return true;
  }
  while (stage_of(c) == GS_STAGE_OPEN) switch (give_round(c, object, state, what)) {
      case round::done:
        return true;
      case round::again:
        break;
      case round::no_array:
        if (must_array) return false;
        [[fallthrough]];
      // Whoever keeps the record closed is not waited for (docs/ordering/takeover.md, claim 4).
      case round::closed:
        if (stage_of(c) == GS_STAGE_OPEN) return give_direct(c, object, what), true;
    }
  give_late(c, object, what, site);
  return true;
}

}  // namespace

void free_slow(cache& c, void* object, const void* site) noexcept {
  give_slow(c, object, giving::free, site, false);
}

void retire_slow(cache& c, void* object, const void* site) noexcept {
  give_slow(c, object, giving::retire, site, false);
}

bool retire_in_array(cache& c, void* object, const void* site) noexcept {
  return gs_local_give(local_of(c), 1, object, c.id, 0) != 0 ||
         give_slow(c, object, giving::retire, site, true);
}

}  // namespace graceslab::slab
