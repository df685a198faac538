// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The equations of cache.hpp and slab.hpp, run. For a cache that nobody uses at the moment, but for
// the background thread.
#pragma once
#include <gtest/gtest.h>

#include <initializer_list>

#include "slab/depots.hpp"
#include "slab/locals.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace equations {

using namespace graceslab;

struct sums {
  std::uint64_t carved = 0, free = 0, live = 0, marked = 0, resident = 0;
  std::uint32_t with_marks = 0;
};

inline void check_slab(slab::cache& c, slab::slab& s, const slab::slab_list* list, sums* all) {
  ASSERT_EQ(s.list, list);
  ASSERT_EQ(s.owner, &c);
  ASSERT_LE(s.carved, s.objects);
  ASSERT_LE(std::size_t{s.objects} * c.stride, std::size_t{s.granules} << GS_GRANULE_SHIFT);
  std::uint32_t bits = 0, marked = 0;
  for (std::uint32_t i = 0; i != (s.objects + 63) / 64 * 64; ++i) {
    const bool set = (slab::free_word(s, i / 64) >> (i % 64) & 1) != 0;
    bits += set;
    if (i >= s.carved) {
      ASSERT_FALSE(set) << "bits are set only below carved";
      continue;
    }
    const auto state = slab::state_of(s, i);
    if (set) {
      ASSERT_EQ(state, GS_STATE_FREE);
    }
    if (set) {
      ASSERT_GE(i / 64, s.hint);
    }
    all->live += state == GS_STATE_LIVE;
    marked += state == GS_STATE_MARKED || state == GS_STATE_MARKED_NEXT;
  }
  ASSERT_EQ(bits, s.free);
  ASSERT_EQ(marked, s.marked + s.marked_next);
  ASSERT_TRUE(s.marked != 0 || s.marked_next == 0);
  all->with_marks += s.marked != 0;
  all->resident += slab::resident_bytes(s);
  all->carved += s.carved;
  all->free += s.free;
  all->marked += marked;
}

inline std::uint64_t length_of(const slab::sheaf_list& l, std::uint32_t limit) {
  std::uint64_t objects = 0;
  std::uint32_t n = 0;
  for (const gs_sheaf* s = l.head; s != nullptr; s = s->next, ++n) {
    EXPECT_LE(s->count, s->capacity);
    EXPECT_TRUE(s->next != nullptr || s == l.tail || limit != 0) << "the last is the tail";
    objects += s->count;
  }
  EXPECT_EQ(n, l.count);
  if (limit != 0) {
    EXPECT_LE(n, limit);
  }
  return objects;
}

// In a list, the oldest cookie first.
inline void check_marked(const slab::cache& c, const sums& all) {
  std::uint32_t n = 0;
  const slab::slab* last = nullptr;
  for (const slab::slab* s = c.first_marked; s != nullptr; last = s, s = s->next_marked, ++n) {
    ASSERT_NE(s->marked, 0u);
    ASSERT_TRUE(last == nullptr || last->mark_cookie <= s->mark_cookie);
  }
  ASSERT_EQ(last, c.last_marked);
  ASSERT_EQ(n, all.with_marks);
  ASSERT_EQ(all.marked, c.marked);
}

// carved == free_in_slabs + parked + in_flight + live + leaked, and all that it is made of.
inline void check_cache(slab::cache& c) {
  for (;; sched_yield()) {
    const slab::standstill still(c);
    const slab::arrays arrays = still.held();
    sync::lock_guard stays_the_same(c.locals_lock);
    slab::barn_hold barn(c);
    sync::lock_guard slabs(c.slabs_lock);
    if (!hands_empty(c) || !still.complete() || c.ripe_running) continue;
    sums all;
    for (slab::slab_list* l : {&c.partial, &c.full_slabs, &c.empty_slabs, &c.quarantined}) {
      std::uint32_t n = 0;
      for (slab::slab* s = l->head; s != nullptr; s = s->next, ++n)
        ASSERT_NO_FATAL_FAILURE(check_slab(c, *s, l, &all));
      ASSERT_EQ(n, l->count);
    }
    ASSERT_EQ(all.carved, c.carved);
    ASSERT_EQ(all.free, c.free_in_slabs);
    ASSERT_EQ(all.resident, c.resident_bytes);
    ASSERT_NO_FATAL_FAILURE(check_marked(c, all));
    std::uint64_t parked = arrays.parked, deferred = 0;
    for (slab::depot& d : slab::depots_of(c)) {
      parked += length_of(d.full, slab::barn_limit) + length_of(d.reclaimed, 0);
      ASSERT_EQ(length_of(d.empty, slab::barn_limit), 0u);
      const auto here = length_of(d.deferred, 0);
      ASSERT_EQ(here, d.deferred_objects);
      deferred += here;
    }
    const slab::barn_counts counts = slab::count_barn(c);
    const auto in_flight = counts.retired + arrays.retired - counts.reclaimed;
    const auto ripe = length_of(c.ripe, 0) + length_of(c.heirs, 0);
    ASSERT_EQ(in_flight, arrays.retired + deferred + ripe + c.marked);
    // Without detection all that is neither free in its slab nor marked looks live.
    if (!slab::detects(c)) all.live -= parked + in_flight - c.marked;
    ASSERT_EQ(c.carved, c.free_in_slabs + parked + in_flight + all.live + c.leaked);
    return;
  }
}

}  // namespace equations
