// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/sheaves.hpp"

#include "os/busted.hpp"
#include "os/clock.hpp"
#include "os/event.hpp"
#include "os/report.hpp"
#include "slab/depots.hpp"
#include "slab/hooks.hpp"
#include "slab/meta.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {

constinit gs_sheaf no_sheaf = {};

namespace {

std::size_t sheaf_bytes(std::uint32_t capacity) noexcept {
  return sizeof(gs_sheaf) + std::size_t{capacity} * sizeof(void*);
}

gs_sheaf* from_list(depot& d, sheaf_list& l) noexcept {
  sync::lock_guard hold(d.lock);
  return pop(l);
}

// Without the lock: whether it is worth taking.
bool anything_in(const depot& d) noexcept {
  return (gs_load_relaxed(&d.full.count) | gs_load_relaxed(&d.reclaimed.count) |
          gs_load_relaxed(&d.deferred.count)) != 0;
}

}  // namespace

// K5: a batch whose grace period has not completed is never reused; it is reported and leaks.
// Looked at where the batch is about to be used, not where it was found ready.
bool may_be_reused(cache& c, const gs_sheaf* s) noexcept {
  if (GS_LIKELY(hooks.ready(c.domain, s->cookie))) return true;
  os::report(GS_REPORT_EARLY_RECLAIM,
             "cache '%s': %u retired objects were about to be reused before their grace period %llu"
             " completed; they leak",
             c.name, s->count, static_cast<unsigned long long>(s->cookie));
  sync::lock_guard hold(c.slabs_lock);
  c.leaked += s->count;
  return false;
}

gs_sheaf* sheaf_new(cache& c) noexcept {
  const std::uint32_t capacity = parks_one(c) ? 1 : c.sheaf_capacity;
  void* memory = meta_alloc(sheaf_bytes(capacity), GS_FAULT_ARRAY, c.id);
  if (memory == nullptr) return nullptr;
  auto* s = static_cast<gs_sheaf*>(memory);
  s->count = 0;
  s->capacity = capacity;
  s->next = nullptr;
  s->cookie = s->root = 0;
  for (void*& object : s->ahead) object = s;
  return s;
}

void sheaf_delete(gs_sheaf* s) noexcept {
  if (s != &no_sheaf) meta_free(s, sheaf_bytes(s->capacity));
}

void push(sheaf_list& l, gs_sheaf* s) noexcept {
  s->next = l.head;
  if (l.head == nullptr) l.tail = s;
  l.head = s;
  gs_store_relaxed(&l.count, l.count + 1);
}

void append(sheaf_list& l, gs_sheaf* s) noexcept {
  s->next = nullptr;
  if (l.head == nullptr)
    l.head = s;
  else
    l.tail->next = s;
  l.tail = s;
  gs_store_relaxed(&l.count, l.count + 1);
}

gs_sheaf* pop(sheaf_list& l) noexcept {
  gs_sheaf* s = l.head;
  if (s == nullptr) return nullptr;
  l.head = s->next;
  gs_store_relaxed(&l.count, l.count - 1);
  return s;
}

gs_sheaf* empty_sheaf(cache& c) noexcept {
  depot& here = depot_here(c);
  gs_sheaf* s = from_list(here, here.empty);
  return s != nullptr ? s : sheaf_new(c);
}

void put_empty(cache& c, gs_sheaf* s) noexcept {
  if (s == &no_sheaf) return;
  {
    depot& here = depot_here(c);
    sync::lock_guard hold(here.lock);
    if (here.empty.count < barn_limit) {
      push(here.empty, s);
      return;
    }
  }
  sheaf_delete(s);
}

void flush(cache& c, gs_sheaf* s) noexcept {
  return_objects(c, s->object, s->count);
  gs_store_relaxed(&s->count, 0u);
}

namespace {

// Under the depot's lock. False: it has to go into its slabs.
bool park(cache& c, depot& here, gs_sheaf* s) noexcept {
  if (s->count == 0 || here.full.count >= barn_limit || stage_of(c) != GS_STAGE_OPEN) return false;
  push(here.full, s);
  return true;
}

}  // namespace

void put_full(cache& c, gs_sheaf* s) noexcept {
  {
    depot& here = depot_here(c);
    sync::lock_guard hold(here.lock);
    if (park(c, here, s)) return;
  }
  flush(c, s);
  put_empty(c, s);
}

gs_sheaf* empty_for(cache& c, gs_sheaf* held) noexcept {
  gs_sheaf* empty;
  {
    depot& here = depot_here(c);
    sync::lock_guard hold(here.lock);
    if (park(c, here, held)) held = &no_sheaf;
    empty = held->capacity == 0 ? pop(here.empty) : nullptr;
  }
  if (empty != nullptr) return empty;
  if (held->capacity == 0) return sheaf_new(c);
  if (held->count != 0) flush(c, held);
  return held;
}

// ORDER park.touch <-> trim.untouch   (docs/ordering/background.md, claim 5)
// What the caller parked comes before this load: who clears the mark after it takes that home.
void touch(cache& c) noexcept {
  gs_light_fence();
  if (gs_load_relaxed(&c.touched) != 0) return;
  gs_store_relaxed(&c.touched, 1u);
  gs_light_fence();  // as retire.pending: the background thread fences, then looks at the mark
  if (gs_load_relaxed(&c.active) == 0) hooks.activate(c);
}

namespace {

// Every sheaf of a list, and the arrays are given up.
void flush_list(cache& c, depot& d, sheaf_list& l) noexcept {
  while (gs_sheaf* s = from_list(d, l)) {
    flush(c, s);
    sheaf_delete(s);
  }
}

gs_sheaf* reclaimed_in(cache& c, depot& d) noexcept {
  gs_sheaf* s = from_list(d, d.reclaimed);
  while (s != nullptr && !may_be_reused(c, s)) s = from_list(d, d.reclaimed);
  return s;
}

std::uint32_t harvest_depot(cache& c, depot& d) noexcept;

gs_sheaf* full_sheaf_in(cache& c, depot& d, gs_sheaf** held) noexcept {
  if (!anything_in(d)) return nullptr;
  gs_sheaf* s;
  bool harvested;
  {
    sync::lock_guard hold(d.lock);
    s = pop(d.full);
    harvested = s == nullptr;
    if (harvested) s = pop(d.reclaimed);
    if (s != nullptr && *held != &no_sheaf && d.empty.count < barn_limit) {
      push(d.empty, *held);
      *held = &no_sheaf;
    }
  }
  if (s != nullptr && (!harvested || may_be_reused(c, s))) return s;
  if (s == nullptr && harvest_depot(c, d) == 0) return nullptr;
  return reclaimed_in(c, d);
}

}  // namespace

gs_sheaf* reclaimed_sheaf(cache& c) noexcept {
  for (depot& d : depots_of(c))
    if (gs_sheaf* s = reclaimed_in(c, d)) return s;
  return nullptr;
}

void flush_barn(cache& c) noexcept {
  for (depot& d : depots_of(c)) {
    flush_list(c, d, d.full);
    while (gs_sheaf* s = reclaimed_in(c, d)) {
      flush(c, s);
      sheaf_delete(s);
    }
    flush_list(c, d, d.empty);
  }
}

namespace {

gs_sheaf* full_in_barn(cache& c, gs_sheaf** held) noexcept {
  depot& here = depot_here(c);
  if (gs_sheaf* s = full_sheaf_in(c, here, held)) return s;
  for (depot& d : depots_of(c))  // what lies idle elsewhere, before the cache grows
    if (&d != &here)
      if (gs_sheaf* s = full_sheaf_in(c, d, held)) return s;
  return nullptr;
}

}  // namespace

gs_sheaf* full_for(cache& c, gs_sheaf* held) noexcept {
  if (gs_sheaf* s = full_in_barn(c, &held)) {
    put_empty(c, held);
    return s;
  }
  gs_sheaf* s = held != &no_sheaf ? held : empty_sheaf(c);
  if (s == nullptr) return nullptr;
  // Of the cache that the caller has in hand, or of none that is open.
  gs_store_relaxed(&s->count, take_objects(c, c.handle, s->object, s->capacity));
  if (s->count != 0) return s;
  put_empty(c, s);
  return nullptr;
}

std::uint64_t append_deferred(cache& c, gs_sheaf* s, gs_sheaf** empty) noexcept {
  // The one full fence per array stands in here: everything its retirers wrote comes before the
  // cookie.
  s->cookie = hooks.snapshot(c.domain);
  s->root = 0;
  os::event::retire(c.id, s->count, s->cookie, c.name);
  depot& here = depot_here(c);
  sync::lock_guard hold(here.lock);
  if (here.deferred.head == nullptr) here.deferred_since_ms = os::coarse_ms();
  append(here.deferred, s);
  if (empty != nullptr) *empty = pop(here.empty);
  if (!os::busted(os::flaw::counter_stuck)) here.retired += s->count;
  if (s->cookie > here.newest_cookie) here.newest_cookie = s->cookie;
  std::uint64_t depth = here.deferred_objects + s->count;
  gs_store_relaxed(&here.deferred_objects, depth);
  return depth;
}

void append_heirs(cache& c, gs_sheaf* s) noexcept {
  s->cookie = hooks.snapshot(c.domain);
  os::event::retire(c.id, s->count, s->cookie, c.name);
  sync::lock_guard hold(c.lock);
  s->root = c.run_root;
  append(c.heirs, s);
  c.retired += s->count;
}

void defer(cache& c, gs_sheaf* s) noexcept {
  std::uint32_t n = s->count;
  hooks.deferred(c, n, append_deferred(c, s));
}

namespace {

void ripe_now(cache& c, gs_sheaf* s) noexcept {
  sync::lock_guard hold(c.lock);
  append(c.ripe, s);
}

std::uint32_t harvest_depot(cache& c, depot& d) noexcept {
  std::uint32_t harvested = 0;
  std::uint32_t objects = 0;
  bool ripened = false;
  {
    sync::lock_guard hold(d.lock);
    while (d.deferred.head != nullptr && hooks.ready(c.domain, d.deferred.head->cookie)) {
      gs_sheaf* s = pop(d.deferred);
      gs_store_relaxed(&d.deferred_objects, d.deferred_objects - s->count);
      if (has_destructor(c) || is_large(c)) {
        ripe_now(c, s);
        ripened = true;
      } else {
        objects += s->count;
        d.reclaimed_objects += s->count;
        push(d.reclaimed, s);
      }
      ++harvested;
    }
    if (harvested != 0) d.deferred_since_ms = os::coarse_ms();
  }
  if (objects != 0) {
    touch(c);
    hooks.reclaimed(c, objects);
  }
  if (ripened) hooks.ripen(c);
  return harvested;
}

std::uint32_t harvest_heirs(cache& c) noexcept {
  std::uint32_t harvested = 0;
  std::uint32_t objects = 0;
  bool ripened = false;
  {
    depot& here = depot_here(c);
    sync::lock_guard hold_here(here.lock);
    sync::lock_guard hold(c.lock);
    for (; c.heirs.head != nullptr && hooks.ready(c.domain, c.heirs.head->cookie); ++harvested) {
      gs_sheaf* s = pop(c.heirs);
      ripened = has_destructor(c);
      if (ripened) {
        append(c.ripe, s);
        continue;
      }
      objects += s->count;
      c.reclaimed_objects += s->count;
      push(here.reclaimed, s);
    }
  }
  if (objects != 0) {
    touch(c);
    hooks.reclaimed(c, objects);
  }
  if (ripened) hooks.ripen(c);
  return harvested;
}

}  // namespace

std::uint32_t harvest(cache& c) noexcept {
  std::uint32_t harvested = gs_load_relaxed(&c.heirs.count) != 0 ? harvest_heirs(c) : 0;
  for (depot& d : depots_of(c))
    if (gs_load_relaxed(&d.deferred.count) != 0) harvested += harvest_depot(c, d);
  return harvested;
}

}  // namespace graceslab::slab
