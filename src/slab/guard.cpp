// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/guard.hpp"

#include <algorithm>

#include "os/clock.hpp"
#include "os/pages.hpp"
#include "os/patient_lock.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "slab/debug.hpp"
#include "slab/guard_slot.hpp"
#include "slab/heap.hpp"
#include "slab/meta.hpp"
#include "slab/transit.hpp"

namespace graceslab::slab {

std::uint32_t guards_made;

namespace {

constexpr std::uint32_t least_stride = 8;  // bounds the states that lie behind a descriptor

os::word_lock slots_lock;        // a leaf; no system call but in handlers is made under it
guard_slot* slots[guard_slots];  // the first guards_made
std::uint32_t places;            // given out, perhaps not made yet
guard_slot *resting, *youngest;  // FIFO
std::uint32_t turn;              // right edge, left edge
std::uint64_t due_ns;            // atomic: when the next one is sampled

bool may_guard(const cache& c, std::size_t bytes) noexcept {
  return detects(c) && !is_debug(c) && !is_large(c) && c.ctor == nullptr &&
         (c.flags & flag_typesafe) == 0 && bytes <= os::page_bytes() &&
         c.align <= os::page_bytes() && c.stride >= least_stride && !os::sanitized();
}

// At most so many a second, and after a rest not all at once.
bool is_due() noexcept {
  constexpr std::uint64_t second_ns = 1'000'000'000, burst_ns = second_ns / 100;
  const std::uint64_t rate = gs_load_relaxed(&os::settings.guard);
  if (rate == 0) return false;
  const std::uint64_t now = os::now_ns();
  std::uint64_t due = gs_load_relaxed(&due_ns);
  if (due > now) return false;
  return gs_compare_exchange(&due_ns, &due,
                             std::max(due, now - std::min(now, burst_ns)) + second_ns / rate);
}

// ---- slots ----

std::size_t run_bytes(const guard_slot& g) noexcept {
  return std::size_t{g.granules} << GS_GRANULE_SHIFT;
}

std::uint32_t granules_of_slot() noexcept {
  return static_cast<std::uint32_t>((3 * os::page_bytes() + granule_bytes - 1) / granule_bytes);
}

// The object's page is the second one of its run.
std::size_t slot_bytes() noexcept {
  return sizeof(guard_slot) + 2 * os::page_bytes() / least_stride + sizeof(std::uint64_t);
}

// False: its pages cannot be made usable again, and are lost to the heap.
bool give_up_run(char* run, std::uint32_t granules) noexcept {
  const std::size_t bytes = std::size_t{granules} << GS_GRANULE_SHIFT;
  if (!os::open_pages(run, bytes)) return false;
  os::discard(run, bytes);
  heap_give(granule_at(run), granules);
  return true;
}

guard_slot* make_slot(std::uint32_t cache, bool* lost) noexcept {
  bool refused;
  const std::uint32_t granules = granules_of_slot();
  const std::uint32_t first = heap_take(granules, 1, cache, &refused);
  if (first == 0) return nullptr;
  char* run = granule_address(first);
  void* block = meta_alloc(slot_bytes(), GS_FAULT_META, cache);
  if (block != nullptr && os::shut_pages(run, std::size_t{granules} << GS_GRANULE_SHIFT)) {
    __builtin_memset(block, 0, slot_bytes());
    auto* g = static_cast<guard_slot*>(block);
    g->run = run;
    g->granules = granules;
    return g;
  }
  if (block != nullptr) meta_free(block, slot_bytes());
  *lost = !give_up_run(run, granules);
  return nullptr;
}

bool take_place() noexcept {
  os::word_guard hold(slots_lock);
  return places != guard_slots && ++places != 0;
}

guard_slot* new_slot(std::uint32_t cache) noexcept {
  if (!take_place()) return nullptr;
  bool lost = false;
  guard_slot* g = make_slot(cache, &lost);
  os::word_guard hold(slots_lock);
  if (g == nullptr && !lost) --places;  // else no more is lost than there may be slots
  if (g == nullptr) return nullptr;
  slots[guards_made] = g;
  gs_store_relaxed(&guards_made, guards_made + 1);
  return g;
}

guard_slot* slot_that_rested() noexcept {
  os::word_guard hold(slots_lock);
  guard_slot* g = resting;
  if (g != nullptr) resting = g->next;
  return g;
}

void rest(guard_slot& g) noexcept {
  os::word_guard hold(slots_lock);
  g.story.out = false;
  g.next = nullptr;
  (resting != nullptr ? youngest->next : resting) = &g;
  youngest = &g;
}

// What a fault opened is shut again, all at once.
bool shut_what_was_touched(guard_slot& g) noexcept {
  {
    os::word_guard hold(slots_lock);
    if (g.touched == 0) return true;
    g.touched = 0;
  }
  return os::shut_pages(g.run, run_bytes(g));
}

// ---- objects ----

std::size_t align_of(const cache& c) noexcept {
  // In a slab, what is of a size class is a multiple of all powers of two that divide the size.
  return (c.flags & flag_sized) != 0 ? c.stride & -c.stride : c.align;
}

// At the left edge of its page, or as far right as it goes.
char* place_in(guard_slot& g, const cache& c, std::size_t bytes) noexcept {
  const bool right = gs_fetch_add_relaxed(&turn, 1u) % 2 == 0;
  const std::size_t room = os::page_bytes() - bytes;
  return page_of(g) + (right ? room & ~(align_of(c) - 1) : 0);
}

owner this_thread(const void* site) noexcept {
  const std::uint32_t stack = site != nullptr ? os::stack_id(os::stack_since(site)) : 0;
  return {stack, os::tid(), os::now_ms()};
}

bool prepare(guard_slot& g, cache& c, std::size_t bytes) noexcept {
  if (!shut_what_was_touched(g) || !os::open_pages(page_of(g), os::page_bytes())) return false;
  __builtin_memset(page_of(g), guard_byte, os::page_bytes());
  g.s = {};
  g.s.owner = &c;
  g.s.start = place_in(g, c, bytes);
  g.s.granules = g.granules;
  g.s.objects = g.s.carved = 1;
  g.s.records = &g.record;
  g.s.guarded = true;
  return true;
}

void tell(guard_slot& g, const cache& c, std::size_t bytes, const owner& by) noexcept {
  os::word_guard hold(slots_lock);
  g.record = {};
  g.record.by[static_cast<unsigned>(owned::allocated)] = by;
  g.story = {g.s.start, static_cast<std::uint32_t>(bytes), true, c.id, {}, c.domain, 0};
  __builtin_memcpy(g.story.cache_name, c.name, sizeof c.name);
}

// False: the cache was closed.
bool join(cache& c, std::uintptr_t handle, slab& s) noexcept {
  heap_publish(granule_at(slot_of(s).run), s.granules, c.id, states_of(s));
  {
    sync::lock_guard hold(c.slabs_lock);
    if (open_as(c, handle)) {
      gs_store_relaxed(states_of(s), std::uint8_t{GS_STATE_LIVE});
      list_add(c.guarded, s);
      ++c.carved;
      return true;
    }
  }
  heap_withdraw(granule_at(slot_of(s).run), s.granules);
  return false;
}

}  // namespace

void* guard_sample(cache& c, std::uintptr_t handle, std::size_t size, unsigned gfp,
                   const void* site) noexcept {
  const std::size_t bytes = size != 0 ? size : 1;
  if (!may_guard(c, bytes) || !is_due() || !os::watch_faults(guard_fault)) return nullptr;
  const owner by = this_thread(site);
  transit in_hand(c);
  if (!still_open_as(c, handle)) return nullptr;
  guard_slot* g = new_slot(c.id);
  if (g == nullptr) g = slot_that_rested();
  if (g == nullptr) return nullptr;
  if (prepare(*g, c, bytes)) {
    tell(*g, c, bytes, by);
    if ((gfp & gfp_zero) != 0) __builtin_memset(g->s.start, 0, bytes);
    if (join(c, handle, g->s)) return g->s.start;
    (void)os::shut_pages(page_of(*g), os::page_bytes());  // unused result: nobody has been there
  }
  rest(*g);
  return nullptr;
}

slab* guard_slowly(const cache& c, const void* pointer) noexcept {
  const gs_granule* g = granule_of(pointer);
  if (g == nullptr || gs_load_relaxed(&g->cache) != c.id || is_large(c)) return nullptr;
  slab& s = slab_of(*g);
  return s.guarded ? &s : nullptr;
}

std::size_t guard_bytes(const slab& s) noexcept {
  return slot_of(const_cast<slab&>(s)).story.bytes;
}

namespace {

void look_between(const slab& s, char* from, const char* to, guard_damage* out) noexcept {
  for (char* at = from; at != to; ++at) {
    const auto byte = static_cast<unsigned char>(*at);
    if (byte == guard_byte) continue;
    *at = static_cast<char>(guard_byte);
    if (out->bytes++ != 0) continue;
    out->first = at - s.start;
    out->found = byte;
  }
}

}  // namespace

guard_damage guard_look(slab& s) noexcept {
  const guard_slot& g = slot_of(s);
  guard_damage found;
  look_between(s, page_of(g), s.start, &found);
  look_between(s, s.start + g.story.bytes, page_of(g) + os::page_bytes(), &found);
  return found;
}

bool guard_before_give(cache& c, slab& s, owned what, const void* site) noexcept {
  const owner by = this_thread(site);
  const guard_damage damage = guard_look(s);
  {
    sync::lock_guard hold(c.slabs_lock);
    if (gs_load_relaxed(states_of(s)) != GS_STATE_LIVE) return false;
    if (what == owned::freed) gs_store_relaxed(states_of(s), std::uint8_t{GS_STATE_FREE});
    os::word_guard hold_slots(slots_lock);
    debug_set_owner(s, 0, what, by);
  }
  if (damage.bytes != 0)
    report_guard_damage(c, s, damage, what == owned::freed ? "free" : "retire", site);
  return true;
}

void guard_reclaim(cache& c, void* const* objects, std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i != n; ++i) {
    slab* s = guard_around(c, objects[i]);
    if (s == nullptr) continue;
    const guard_damage damage = guard_look(*s);
    {
      sync::lock_guard hold(c.slabs_lock);
      os::word_guard hold_slots(slots_lock);
      debug_set_owner(*s, 0, owned::reclaimed, this_thread(nullptr));
      slot_of(*s).story.cookie = s->mark_cookie;
    }
    if (damage.bytes != 0)
      report_guard_damage(c, *s, damage, "the end of its grace period", nullptr);
  }
}

// Where its page cannot be shut, it only rests.
void guard_home(cache& c, slab& s) noexcept {
  transit in_hand(c);
  guard_slot& g = slot_of(s);
  (void)os::shut_pages(page_of(g), os::page_bytes());  // unused result: as above
  heap_withdraw(granule_at(g.run), g.granules);
  {
    sync::lock_guard hold(c.slabs_lock);
    gs_store_relaxed(states_of(s), std::uint8_t{GS_STATE_FREE});
    list_remove(s);
    --c.carved;
  }
  rest(g);
}

void return_one(cache& c, void* object) noexcept {
  slab* s = guard_around(c, object);
  s != nullptr ? guard_home(c, *s) : return_objects(c, &object, 1);
}

std::uint32_t return_guarded(cache& c, void** objects, std::uint32_t n) noexcept {
  if (gs_load_relaxed(&guards_made) == 0) return n;
  std::uint32_t others = 0;
  for (std::uint32_t i = 0; i != n; ++i) {
    slab* s = guard_around(c, objects[i]);
    s != nullptr ? guard_home(c, *s) : void(objects[others++] = objects[i]);
  }
  return others;
}

namespace {

void look_at(guard_slot& g, guard_sight* out) noexcept {
  out->story = g.story;
  for (unsigned i = 0; i != 3; ++i) out->who.by[i] = g.record.by[i];
  out->who.live = false;
}

}  // namespace

bool guard_touched(const char* address, guard_sight* out) noexcept {
  // A handler may have interrupted whoever holds it. What is read then may be of two objects.
  const bool held = os::in_time([] { return slots_lock.try_lock(); });
  bool found = false;
  for (std::uint32_t i = 0; i != gs_load_relaxed(&guards_made) && !found; ++i) {
    guard_slot& g = *slots[i];
    const auto offset = static_cast<std::size_t>(address - g.run);
    if (offset >= run_bytes(g)) continue;
    found = true;
    const auto index = static_cast<unsigned>(offset / os::page_bytes());
    look_at(g, out);
    out->page = g.run + index * os::page_bytes();
    out->known = (g.touched >> index & 1) != 0 || (g.story.out && out->page == page_of(g));
    g.touched |= 1u << index;
  }
  if (held) slots_lock.unlock();
  return found && out->story.object != nullptr;
}

bool guard_resting(const void* object, guard_sight* out) noexcept {
  os::word_guard hold(slots_lock);
  for (std::uint32_t i = 0; i != guards_made; ++i) {
    if (slots[i]->story.object != object || slots[i]->story.out) continue;
    look_at(*slots[i], out);
    return true;
  }
  return false;
}

void guard_lock_for_fork() noexcept { slots_lock.lock(); }
void guard_unlock_after_fork(bool child) noexcept {
  child ? slots_lock.reset_in_child() : slots_lock.unlock();
}

}  // namespace graceslab::slab
