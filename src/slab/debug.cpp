// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/debug.hpp"

#include "os/debug_modes.hpp"
#include "os/sanitizer.hpp"
#include "os/stack.hpp"

namespace graceslab::slab {
namespace {

unsigned flags_of(unsigned modes) noexcept {
  return ((modes & os::debug_checks) != 0 ? flag_checks : 0) |
         ((modes & os::debug_red_zone) != 0 ? flag_red_zone : 0) |
         ((modes & os::debug_poison) != 0 ? flag_poison : 0) |
         ((modes & os::debug_owners) != 0 ? flag_store_user : 0) |
         ((modes & os::debug_trace) != 0 ? flag_trace : 0);
}

// Damaged: left alone for good. Under slabs_lock.
void give_up(cache& c, slab& s, std::uint32_t index) noexcept {
  gs_store_relaxed(&states_of(s)[index], std::uint8_t{GS_STATE_LEAKED});
  ++c.leaked;
}

// False: it was damaged, and is given up.
bool is_fit(cache& c, slab& s, const char* object, look as, const char* when,
            const void* site) noexcept {
  const std::uint32_t index = index_of(s, object);
  finding found;
  bool bad = find_damage(c, s, index, as, &found);
  if (!bad && (c.flags & flag_checks) != 0) {
    sync::lock_guard hold(c.slabs_lock);
    bad = find_disorder(c, s, index, false, &found);
  }
  if (!bad) return true;
  report_damage(c, found, when, site);
  sync::lock_guard hold(c.slabs_lock);
  give_up(c, s, index);
  return false;
}

// To a thread that may hold it from now on. Others have written into it: those whose object this
// was, and before they came to be one, those who had its pages.
void hand_out(cache& c, slab& s, char* object) noexcept {
  if (!os::sanitized()) return;
  os::take_over(&s);
  os::take_over(object);
  if ((c.flags & flag_typesafe) == 0)
    os::allow_object(object, c.size, c.ctor != nullptr);
  else
    os::allow(object, c.size);
}

// To whoever has it, or its pages, next.
void pass_on(slab& s, const char* object) noexcept {
  os::hand_over(object);
  os::hand_over(&s.free);
}

}  // namespace

unsigned debug_flags(const char* name, unsigned asked_for) noexcept {
  unsigned flags = asked_for | flags_of(os::debug_modes_of(name));
  if ((asked_for & flag_large_runs) != 0)
    return flags & ~(flag_poison | flag_red_zone | flag_checks);
  if ((flags & flags_debug) != 0) flags &= ~flag_no_detection;
  if (!os::sanitized()) return flags;
  flags = (flags & ~flag_no_detection) | flag_watched;
  if (os::sanitizers_here != os::sanitizer_thread)
    flags &= ~(flag_poison | flag_red_zone | flag_checks);
  return flags;
}

std::uint32_t debug_zone_bytes(unsigned flags) noexcept {
  constexpr std::uint32_t zone_bytes = 16;
  const bool zone = (flags & flag_red_zone) != 0 || os::sanitized_by(os::knows_memory);
  return zone ? zone_bytes : 0;
}

void debug_new_slab(cache& c, slab& s) noexcept {
  debug_new_records(c, s);
  if (!os::sanitized()) return;
  os::take_over(&gs_heap);
  os::hand_over(&s);
  os::forbid(start_of(s), whole_bytes(s));
}

void debug_old_slab(slab& s) noexcept {
  os::take_over(&s.free);
  os::hand_over(&gs_heap);
  debug_drop_records(s);
}

std::uint32_t debug_take(slab& s, void** out, std::uint32_t n) noexcept {
  std::uint64_t* bits = bits_of(s);
  for (std::uint32_t taken = 0; taken != n; ++taken) {
    if (s.turn == s.objects) s.turn = 0;
    std::size_t at = s.turn / 64;
    std::uint64_t word = bits[at] & ~std::uint64_t{0} << s.turn % 64;
    while (word == 0) word = bits[at = (at + 1) % bit_words(s.objects)];
    const auto bit = static_cast<std::uint32_t>(__builtin_ctzll(word));
    bits[at] &= ~(std::uint64_t{1} << bit);
    s.turn = static_cast<std::uint32_t>(at * 64) + bit + 1;
    out[taken] = object_at(s, s.turn - 1);
  }
  s.free -= n;
  return n;
}

void debug_construct(cache& c, char* object) noexcept {
  debug_new_object(c, object);
  os::take_over(&slab_of(*granule_of(object)));
  os::allow(object, c.size);
}

void debug_constructed(cache& c, char* object) noexcept {
  os::hand_over(object);
  if ((c.flags & flag_typesafe) == 0) os::forbid(object, c.size);
}

void debug_destroy(cache& c, void* const* objects, std::uint32_t n) noexcept {
  if (!os::sanitized_by(os::sanitizer_thread)) return;
  os::take_over(&c);  // of a cache one runs at a time
  for (std::uint32_t i = 0; i != n; ++i) os::take_over(objects[i]);
}
void debug_destroyed(cache& c) noexcept {
  os::hand_over(&c);
  os::hand_over(&table);
}
void debug_wait_ended(const cache& c) noexcept { os::take_over(&c); }
void debug_wait_ended() noexcept { os::take_over(&table); }

void debug_new_object(cache& c, char* object) noexcept { paint_free(c, object); }

bool debug_before_alloc(cache& c, slab& s, char* object, const void* site) noexcept {
  hand_out(c, s, object);
  if (!is_fit(c, s, object, look::as_free, "allocation", site)) return false;
  paint_zone(c, object, look::as_live, c.size);
  const std::uint32_t index = index_of(s, object);
  const owner by = debug_new_owner(c, site);
  {
    sync::lock_guard hold(c.slabs_lock);
    debug_set_owner(s, index, owned::allocated, by);
    if (s.records != nullptr) gs_store_relaxed(&s.records[index].asked, c.size);
    gs_store_relaxed(&states_of(s)[index], std::uint8_t{GS_STATE_LIVE});
  }
  if ((c.flags & flag_sized) == 0) debug_trace(c, "alloc", object, c.size, site);
  return true;
}

bool debug_before_free(cache& c, slab& s, char* object, owned what, const void* site) noexcept {
  const bool retired = what == owned::retired;
  if (!is_fit(c, s, object, look::as_live, retired ? "retire" : "free", site)) return false;
  const std::uint32_t index = index_of(s, object);
  if (const owner by = debug_new_owner(c, site); by.tid != 0) {
    sync::lock_guard hold(c.slabs_lock);
    debug_set_owner(s, index, what, by);
  }
  debug_trace(c, retired ? "retire" : "free", object, debug_asked_of(c, s, index), site);
  pass_on(s, object);
  return true;
}

void debug_after_free(cache& c, char* object) noexcept {
  slab& s = slab_of(*granule_of(object));
  os::take_over(object);
  {
    sync::lock_guard hold(c.slabs_lock);
    gs_store_relaxed(&states_of(s)[index_of(s, object)], std::uint8_t{GS_STATE_FREE});
  }
  paint_free(c, object);
  if (!os::sanitized()) return;
  if ((c.flags & flag_typesafe) == 0) os::forbid_object(object, c.stride, c.ctor != nullptr);
  pass_on(s, object);
}

std::uint32_t debug_reclaim(cache& c, void** objects, std::uint32_t n, findings* damaged) noexcept {
  std::uint32_t good = 0;
  const owner by = debug_new_owner(c, nullptr);
  for (std::uint32_t i = 0; i != n; ++i) {
    slab& s = slab_of(*granule_of(objects[i]));
    const std::uint32_t index = index_of(s, objects[i]);
    bool bad;
    {
      sync::lock_guard hold(c.slabs_lock);
      bad = find_damage(c, s, index, look::as_live, damaged->next());
      bad ? give_up(c, s, index) : debug_set_owner(s, index, owned::reclaimed, by);
    }
    if (bad) {
      damaged->keep();
      continue;
    }
    debug_after_free(c, static_cast<char*>(objects[i]));
    objects[good++] = objects[i];
  }
  return good;
}

}  // namespace graceslab::slab
