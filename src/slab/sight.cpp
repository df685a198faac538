// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/sight.hpp"

#include <initializer_list>

#include "slab/depots.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {
namespace {

class try_guard {
 public:
  explicit try_guard(sync::mutex& m) noexcept : lock_(m.try_lock() ? &m : nullptr) {}
  ~try_guard() {
    if (lock_ != nullptr) lock_->unlock();
  }
  try_guard(const try_guard&) = delete;
  try_guard& operator=(const try_guard&) = delete;
  explicit operator bool() const noexcept { return lock_ != nullptr; }

 private:
  sync::mutex* lock_;
};

// barn_hold, as far as that goes without waiting.
class barn_try {
 public:
  explicit barn_try(cache& c) noexcept : c_(c) {
    for (depot& d : depots_of(c)) {
      if (!d.lock.try_lock()) return;
      ++depots_;
    }
    all_ = c.lock.try_lock();
  }
  ~barn_try() {
    if (all_) c_.lock.unlock();
    for (std::uint32_t i = 0; i != depots_; ++i) c_.depots[i].lock.unlock();
  }
  barn_try(const barn_try&) = delete;
  barn_try& operator=(const barn_try&) = delete;
  explicit operator bool() const noexcept { return all_; }

 private:
  cache& c_;
  std::uint32_t depots_ = 0;
  bool all_ = false;
};

void note_wait(std::uint64_t since_ms, cache_sight* out) noexcept {
  if (out->waits_since_ms == 0 || since_ms < out->waits_since_ms) out->waits_since_ms = since_ms;
}

void look_at_depot(const depot& d, cache_sight* out) noexcept {
  out->parked += objects_in(d.full);
  out->ready += objects_in(d.reclaimed);
  out->deferred += d.deferred_objects;
  if (d.deferred.head != nullptr) note_wait(d.deferred_since_ms, out);
}

void look_at_slabs(const cache& c, cache_sight* out) noexcept {
  out->slabs_used = std::uint64_t{c.partial.count} + c.full_slabs.count;
  out->slabs = out->slabs_used + c.empty_slabs.count + c.quarantined.count;
  out->carved = c.carved;
  out->free_in_slabs = c.free_in_slabs;
  out->unborn = c.unborn;
  out->leaked = c.leaked;
  out->late_frees = c.late_frees;
  out->resident_bytes = c.resident_bytes;
  out->deferred += c.marked;
  if (c.first_marked != nullptr) note_wait(c.marked_since_ms, out);
}

// With the barn and the slabs held. What is ripe is in flight no less than what is deferred.
void look_at_all(cache& c, cache_sight* out) noexcept {
  const barn_counts in_barn = count_barn(c);
  for (const depot& d : depots_of(c)) look_at_depot(d, out);
  out->deferred += objects_in(c.heirs);
  look_at_slabs(c, out);
  out->retired = in_barn.retired;
  out->reclaimed = in_barn.reclaimed;
  const std::uint64_t in_flight = in_barn.retired - in_barn.reclaimed;
  const std::uint64_t home =
      out->free_in_slabs + in_barn.parked + in_flight + out->leaked + out->unborn;
  out->allocated = out->carved > home ? out->carved - home : 0;
  if (out->deferred > in_flight) out->deferred = in_flight;
  out->ready += in_flight - out->deferred;
}

void look_at_constants(const cache& c, cache_sight* out) noexcept {
  __builtin_memcpy(out->name, c.name, sizeof out->name);
  out->id = c.id;
  out->stage = stage_of(c);
  out->flags = c.flags;
  out->policy = c.policy;
  out->domain = c.domain;
  out->size = c.size;
  out->stride = c.stride;
  out->slab_bytes = std::uint64_t{c.slab_granules} << GS_GRANULE_SHIFT;
  out->slab_objects = c.slab_objects;
  out->closed_at_ms = gs_load_relaxed(&c.closed_at_ms);
}

}  // namespace

looked look_at(cache& c, cache_sight* out) noexcept {
  *out = {};
  if (stage_of(c) == GS_STAGE_GONE) return looked::gone;
  const try_guard stays_the_same(c.locals_lock);
  if (!stays_the_same) return looked::busy;
  if (stage_of(c) == GS_STAGE_GONE) return looked::gone;
  look_at_constants(c, out);
  const barn_try barn(c);
  if (!barn) return looked::busy;
  const try_guard slabs(c.slabs_lock);
  if (!slabs) return looked::busy;
  look_at_all(c, out);
  return looked::seen;
}

}  // namespace graceslab::slab
