// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <initializer_list>

#include "observe/observe.hpp"
#include "os/busted.hpp"
#include "os/fence.hpp"
#include "slab/depots.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace graceslab::observe {
namespace {

// How often a cache is looked at whose objects somebody has in hand, and how long these are waited
// for in between.
constexpr unsigned looks_most = 100;
constexpr std::uint64_t between_looks_us = 1000;

// False when some thread has objects in hand, outside all lists, or has just joined; `anyhow`
// counts what there is.
bool count_all(slab::cache& c, std::uintptr_t handle, gs_cache_stats* out, bool anyhow) noexcept {
  const slab::standstill arrays(c);
  const slab::arrays in_arrays = arrays.held();
  sync::lock_guard stays_the_same(c.locals_lock);
  // While no cache stands here create() may be writing.
  if (slab::stage_of(c) == GS_STAGE_GONE || (handle != 0 && c.handle != handle))
    return out->stage = GS_STAGE_GONE, true;
  slab::barn_hold barn(c);
  sync::lock_guard slabs(c.slabs_lock);
  if ((!slab::hands_empty(c) || !arrays.complete()) && !anyhow) return false;
  __builtin_memcpy(out->name, c.name, sizeof out->name);
  out->id = c.id;
  out->stage = static_cast<int>(slab::stage_of(c));
  out->object_bytes = c.size;
  out->stride_bytes = c.stride;
  out->carved = c.carved;
  const slab::barn_counts in_barn = slab::count_barn(c);
  out->parked = in_arrays.parked + in_barn.parked;
  out->free_in_slabs = c.free_in_slabs;
  out->retired = in_barn.retired + in_arrays.retired;
  out->reclaimed = in_barn.reclaimed;
  out->late_frees = c.late_frees;
  out->leaked = c.leaked;
  std::uint64_t home =
      out->parked + out->free_in_slabs + (out->retired - out->reclaimed) + out->leaked + c.unborn;
  out->live = out->carved > home ? out->carved - home : 0;
  out->resident_bytes = c.resident_bytes;
  for (const slab::slab_list* l : {&c.partial, &c.full_slabs, &c.empty_slabs, &c.quarantined})
    out->slabs += l->count;
  return true;
}

}  // namespace

void cache_stats(slab::cache& c, gs_cache_stats* out, std::uintptr_t handle) noexcept {
  *out = {};
  // Hands are full for short moments; a cache that is always busy is counted as it is.
  for (unsigned looks = 0; !count_all(c, handle, out, looks == looks_most); ++looks)
    (void)slab::await_hands(c, between_looks_us);
  os::report_lost_fence();
}

void visit_caches(void (*visit)(const gs_cache_stats*, void*), void* arg) noexcept {
  for (std::uint32_t id = 1; id < slab::cache_ids(); ++id) {
    slab::cache* c = slab::cache_from_id(id);
    if (slab::stage_of(*c) == GS_STAGE_GONE) continue;
    os::open_window();
    gs_cache_stats s;
    cache_stats(*c, &s);
    if (s.stage != GS_STAGE_GONE) visit(&s, arg);
  }
}

}  // namespace graceslab::observe
