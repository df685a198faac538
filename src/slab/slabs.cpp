// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <initializer_list>

#include "os/busted.hpp"
#include "os/clock.hpp"
#include "os/event.hpp"
#include "os/fault.hpp"
#include "os/pages.hpp"
#include "slab/charge.hpp"
#include "slab/debug.hpp"
#include "slab/hooks.hpp"
#include "slab/meta.hpp"
#include "slab/outlying.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace graceslab::slab {
namespace {

constexpr std::size_t populate_bytes = std::size_t{256} << 10;
constexpr std::uint32_t populate_largest = 16u << 10;  // objects beyond may never be used whole

std::size_t descriptor_bytes(const cache& c, std::uint32_t objects) noexcept {
  return sizeof(slab) + state_bytes(c, objects) + bit_words(objects) * (detects(c) ? 8 : 16);
}

void set_bit(slab& s, std::uint32_t index) noexcept {
  bits_of(s)[index / 64] |= std::uint64_t{1} << (index % 64);
  ++s.free;
  if (index / 64 < s.hint) s.hint = index / 64;
}

std::uint32_t take_bits(slab& s, void** out, std::uint32_t n) noexcept {
  const std::size_t stride = s.owner->stride;
  if (n > s.free) n = s.free;
  if (is_watched(*s.owner)) return debug_take(s, out, n);
  std::uint32_t taken = 0;
  while (taken < n) {
    std::uint64_t word;
    while ((word = free_word(s, s.hint)) == 0) ++s.hint;
    char* first = object_at(s, s.hint * 64);
    std::uint64_t left = word;
    for (; left != 0 && taken != n; left &= left - 1)
      out[taken++] = first + static_cast<std::size_t>(__builtin_ctzll(left)) * stride;
    bits_of(s)[s.hint] &= ~(word ^ left);
  }
  s.free -= n;
  if (GS_UNLIKELY(s.swept != 0)) change_resident(*s.owner, s, [&s] { s.swept &= bits_of(s)[0]; });
  return n;
}

// A cache's first slab faults page by page, so that a small cache stays small, and so do large
// objects; later slabs are populated in runs.
ahead populate_to(cache& c, slab& s, std::uint32_t upto) noexcept {
  std::size_t needed = std::size_t{upto} * c.stride;
  if (needed <= s.populated) return {};
  const std::size_t whole = whole_bytes(s);
  bool by_page = c.partial.count + c.full_slabs.count + c.empty_slabs.count <= 1 ||
                 c.stride > populate_largest;
  std::size_t target = s.populated + (by_page ? needed - s.populated : populate_bytes);
  if (target < needed) target = needed;
  target = (target + os::page_bytes() - 1) & ~(os::page_bytes() - 1);
  if (target > whole) target = whole;
  ahead found;
  if (!by_page) found = {start_of(s) + s.populated, target - s.populated};
  change_resident(c, s, [&] { s.populated = static_cast<std::uint32_t>(target); });
  return found;
}

// New objects, in an order that pops them by rising address.
std::uint32_t carve(cache& c, slab& s, void** out, std::uint32_t n, ahead* populate) noexcept {
  std::uint32_t room = s.objects - s.carved;
  if (n > room) n = room;
  *populate = populate_to(c, s, s.carved + n);
  for (std::uint32_t i = 0; i != n; ++i) out[i] = object_at(s, s.carved + n - 1 - i);
  s.carved += n;
  c.carved += n;
  return n;
}

// Objects of the same type may be reused at once. The latest to empty is in the quarantine.
slab* empty_slab(cache& c) noexcept {
  slab* s = c.quarantined.head != nullptr ? c.quarantined.head : c.empty_slabs.head;
  if (s == nullptr) return nullptr;
  list_remove(*s);
  list_add(c.partial, *s);
  return s;
}

// nullptr: there is none without a new one.
slab* slab_with_room(cache& c) noexcept {
  return c.partial.head != nullptr ? c.partial.head : empty_slab(c);
}

// Where constructors have to run, objects that have been are told from those that have not. Few
// partial slabs are without the one or the other.
slab* slab_with_free(cache& c) noexcept {
  for (slab* s = c.partial.head; s != nullptr; s = s->next)
    if (s->free != 0) return s;
  return empty_slab(c);
}

slab* slab_with_uncarved(cache& c) noexcept {
  for (slab* s = c.partial.head; s != nullptr; s = s->next)
    if (s->carved != s->objects) return s;
  return nullptr;
}

void file_full(cache& c, slab& s) noexcept {
  if (s.free != 0 || s.carved != s.objects) return;
  list_remove(s);
  list_add(c.full_slabs, s);
}

}  // namespace

void file_emptied(cache& c, slab& s) noexcept {
  list_remove(s);
  s.emptied_ms = os::coarse_ms();
  if ((c.flags & flag_typesafe) != 0) {
    s.cookie = hooks.snapshot(c.domain);
    list_add(c.quarantined, s);
  } else {
    list_add(c.empty_slabs, s);
  }
}

std::uint8_t state_of(slab& s, std::uint32_t index) noexcept {
  if (detects(*s.owner)) return gs_load_relaxed(&states_of(s)[index]);
  bool bit = (bits_of(s)[index / 64] >> (index % 64) & 1) != 0;
  bool mark = (marks_of(s)[index / 64] >> (index % 64) & 1) != 0;
  if (mark) return bit ? GS_STATE_MARKED_NEXT : GS_STATE_MARKED;
  return bit ? GS_STATE_FREE : GS_STATE_LIVE;
}

void set_state(slab& s, std::uint32_t index, std::uint8_t state) noexcept {
  if (detects(*s.owner)) return gs_store_relaxed(&states_of(s)[index], state);
  const std::uint64_t one = std::uint64_t{1} << (index % 64);
  std::uint64_t& bits = bits_of(s)[index / 64];
  std::uint64_t& marks = marks_of(s)[index / 64];
  bits = state == GS_STATE_MARKED_NEXT ? bits | one : bits & ~one;
  marks = state == GS_STATE_MARKED || state == GS_STATE_MARKED_NEXT ? marks | one : marks & ~one;
}

void list_add(slab_list& l, slab& s) noexcept {
  s.list = &l;
  s.previous = nullptr;
  s.next = l.head;
  (l.head != nullptr ? l.head->previous : l.tail) = &s;
  l.head = &s;
  ++l.count;
}

void list_remove(slab& s) noexcept {
  if (s.owner->sweep_at == &s) s.owner->sweep_at = s.next;
  (s.previous != nullptr ? s.previous->next : s.list->head) = s.next;
  (s.next != nullptr ? s.next->previous : s.list->tail) = s.previous;
  --s.list->count;
  s.list = nullptr;
}

namespace {

// In the range; a large run that finds no room there is mapped on its own.
bool find_pages(cache& c, slab& s, std::uint32_t align) noexcept {
  bool refused;
  std::uint32_t first = heap_take(s.granules, align, c.id, &refused);
  if (first == 0) return !refused && is_large(c) && outlying_map(s, align);
  s.start = granule_address(first);
  heap_publish(first, s.granules, c.id, states_of(s));
  return true;
}

}  // namespace

slab* new_slab(cache& c, std::uint32_t granules, std::uint32_t objects,
               std::uint32_t align) noexcept {
  const std::size_t whole = std::size_t{granules} << GS_GRANULE_SHIFT;
  if (!heap_ready() || !charge(c, whole)) return nullptr;
  std::size_t bytes = descriptor_bytes(c, objects);
  auto* s = static_cast<slab*>(meta_alloc(bytes, GS_FAULT_META, c.id));
  if (s != nullptr) {
    os::unseen ours;
    __builtin_memset(s, 0, bytes);
    s->owner = &c;
    s->granules = granules;
    s->objects = objects;
    if (find_pages(c, *s, align)) {
      debug_new_slab(c, *s);
      os::event::slab_new(c.id, start_of(*s), whole, c.name);
      return s;
    }
    meta_free(s, bytes);
  }
  discharge(c, whole);
  return nullptr;
}

void unmake_slab(cache& c, slab& s) noexcept {
  c.carved -= s.carved;
  c.free_in_slabs -= s.free;
  c.resident_bytes -= resident_bytes(s);
  is_outlying(s) ? outlying_remove(s) : heap_withdraw(granule_at(start_of(s)), s.granules);
}

void give_back_slab(cache& c, slab& s) noexcept {
  debug_old_slab(s);
  os::event::slab_release(c.id, start_of(s), whole_bytes(s), c.name);
  discharge(c, whole_bytes(s));
  if (is_outlying(s)) {
    outlying_unmap(s);
  } else {
    os::discard(start_of(s), whole_bytes(s));
    heap_give(granule_at(start_of(s)), s.granules);
  }
  meta_free(&s, descriptor_bytes(c, s.objects));
}

namespace {

struct taking {
  void** out;
  std::uint32_t n;
  std::uint32_t taken = 0;
  std::uint32_t reused = 0;  // come first
  ahead populate = {};
};

void take_bits_of(cache& c, slab& s, taking& t) noexcept {
  std::uint32_t got = take_bits(s, t.out + t.taken, t.n - t.taken);
  c.free_in_slabs -= got;
  if (got != 0 && t.reused != t.taken) {  // keep the reused ones in front of the new ones
    for (std::uint32_t i = 0; i != got; ++i) {
      void* swap = t.out[t.reused + i];
      t.out[t.reused + i] = t.out[t.taken + i];
      t.out[t.taken + i] = swap;
    }
  }
  t.reused += got;
  t.taken += got;
}

// Under slabs_lock, from slabs that are there: fewer where pages are to be populated first.
bool take_there(cache& c, taking& t) noexcept {
  const bool constructed = c.ctor != nullptr;
  while (t.taken < t.n && t.populate.bytes == 0) {
    slab* s = constructed ? slab_with_free(c) : slab_with_room(c);
    if (s == nullptr) break;
    if (!is_watched(c)) take_bits_of(c, *s, t);
    if (t.taken < t.n && !constructed)
      t.taken += carve(c, *s, t.out + t.taken, t.n - t.taken, &t.populate);
    if (is_watched(c)) take_bits_of(c, *s, t);
    file_full(c, *s);
  }
  return t.taken != 0;
}

}  // namespace

void populate(const ahead& pages) noexcept {
  if (pages.bytes != 0) os::populate(pages.start, pages.bytes);
}

void grow(cache& c, std::uintptr_t handle, bool (*use)(cache&, void*), void* arg) noexcept {
  transit in_hand(c);  // a slab on no list: who closes the cache, or forks, waits for it
  if (!still_open_as(c, handle)) return;
  slab* s = new_slab(c, c.slab_granules, c.slab_objects, slab_align(c));
  if (s == nullptr) return;
  os::open_window();
  {
    sync::lock_guard hold(c.slabs_lock);
    if (open_as(c, handle) && !use(c, arg)) {
      list_add(c.partial, *s);
      (void)use(c, arg);
      return;
    }
    unmake_slab(c, *s);
  }
  give_back_slab(c, *s);
}

std::uint32_t take_objects(cache& c, std::uintptr_t handle, void** out, std::uint32_t n) noexcept {
  taking t{out, n};
  os::open_window();
  {
    sync::lock_guard hold(c.slabs_lock);
    // Who destroys it moves the stage, then counts under this lock: either sees the other.
    if (!open_as(c, handle)) return 0;
    (void)take_there(c, t);
  }
  if (t.taken == 0 && c.ctor == nullptr)
    grow(
        c, handle, [](cache& of, void* to) { return take_there(of, *static_cast<taking*>(to)); },
        &t);
  populate(t.populate);
  // Nobody else can hold these objects yet.
  if (is_debug(c))
    for (std::uint32_t i = t.reused; i < t.taken; ++i)
      debug_new_object(c, static_cast<char*>(out[i]));
  return t.taken;
}

std::uint32_t take_unborn(cache& c, void** out, std::uint32_t n, ahead* populate) noexcept {
  slab* s = slab_with_uncarved(c);
  if (s == nullptr) return 0;
  n = carve(c, *s, out, n, populate);
  file_full(c, *s);
  return n;
}

bool has_free_objects(cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  return c.free_in_slabs != 0;
}

void return_objects(cache& c, void* const* objects, std::uint32_t n) noexcept {
  if (n == 0) return;
  sync::lock_guard hold(c.slabs_lock);
  const bool bytes = detects(c);
  const bool sweep = has_free_pages(c);
  slab* last = nullptr;
  for (std::uint32_t i = 0; i != n; ++i) {
    if (last == nullptr || !holds(*last, objects[i])) last = &slab_of(*granule_of(objects[i]));
    slab& s = *last;
    std::uint32_t index = index_of(s, objects[i]);
    if (GS_LIKELY(bytes))
      gs_store_relaxed(&states_of(s)[index], std::uint8_t{GS_STATE_FREE});
    else
      set_state(s, index, GS_STATE_FREE);
    if (s.list == &c.full_slabs) {
      list_remove(s);
      list_add(c.partial, s);
    }
    set_bit(s, index);
    if (sweep) s.emptied_ms = os::coarse_ms();
    if (s.free == s.carved) file_emptied(c, s);
  }
  c.free_in_slabs += n;
}

namespace {

constexpr unsigned at_once = 64;  // slabs under one hold of the lock

// Cookies grow along the list. Those that emptied later stay in front, in the other list too.
// False: none is left that is ready.
bool settle_some(cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  for (unsigned i = 0; i != at_once; ++i) {
    slab* s = c.quarantined.tail;
    if (s == nullptr || !hooks.ready(c.domain, s->cookie)) return false;
    list_remove(*s);
    list_add(c.empty_slabs, *s);
  }
  return true;
}

}  // namespace

void settle_quarantine(cache& c) noexcept {
  while (settle_some(c)) {
  }
}

std::uint64_t newest_quarantine(cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  return c.quarantined.head != nullptr ? c.quarantined.head->cookie : 0;
}

namespace {

constexpr std::uint32_t release_batch = 16;

std::uint32_t take_emptied(cache& c, std::uint64_t limit_ms, slab** out) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  std::uint32_t n = 0;
  for (slab* s; n != release_batch && (s = c.empty_slabs.tail) != nullptr; out[n++] = s) {
    if (s->emptied_ms > limit_ms) break;
    list_remove(*s);
    unmake_slab(c, *s);
  }
  return n;
}

}  // namespace

std::uint32_t release_empty_slabs(cache& c, std::uint64_t limit_ms) noexcept {
  settle_quarantine(c);
  std::uint32_t released = 0;
  for (std::uint32_t n = release_batch; n == release_batch; released += n) {
    transit in_hand(c);  // a child that is forked meanwhile would lose them
    if (!still_open(c)) break;
    slab* emptied[release_batch];
    n = take_emptied(c, limit_ms, emptied);
    for (std::uint32_t i = 0; i != n; ++i) give_back_slab(c, *emptied[i]);
  }
  return released;
}

std::uint64_t oldest_emptied_ms(cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  return c.empty_slabs.tail != nullptr ? c.empty_slabs.tail->emptied_ms : 0;
}

namespace {

slab* take_any_slab(cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  for (slab_list* l : {&c.partial, &c.full_slabs, &c.empty_slabs, &c.quarantined})
    if (slab* s = l->head) {
      list_remove(*s);
      unmake_slab(c, *s);
      return s;
    }
  return nullptr;
}

}  // namespace

void release_all_slabs(cache& c) noexcept {
  for (bool more = true; more;) {
    transit in_hand(c);
    slab* s = take_any_slab(c);
    more = s != nullptr;
    if (more) give_back_slab(c, *s);
  }
}

}  // namespace graceslab::slab
