// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "observe/look.hpp"

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/fence.hpp"
#include "os/midway.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/sight.hpp"
#include "slab/sight.hpp"

namespace graceslab::observe {
namespace {

// False: it never said yes.
template <class Try>
bool in_some_tries(patience p, Try once) noexcept {
  const unsigned tries = os::is_midway() ? 1 : p.tries;
  for (unsigned i = 0; i != tries; ++i) {
    if (i != 0) os::sleep_us(p.nap_us);
    if (once()) return true;
  }
  return false;
}

void fill_constants(const slab::cache_sight& s, gs_observe_cache* out) noexcept {
  __builtin_memcpy(out->name, s.name, sizeof out->name);
  out->id = s.id;
  out->stage = s.stage;
  const int policy =
      s.policy != GS_POLICY_DEFAULT ? s.policy : gs_load_relaxed(&os::settings.destroy);
  out->policy = static_cast<std::uint32_t>(policy);
  out->flags = s.flags & slab::flags_known;
  out->object_bytes = s.size;
  out->stride_bytes = s.stride;
  out->slab_bytes = s.slab_bytes;
  out->slab_objects = s.slab_objects;
  out->destroyed_ms = s.closed_at_ms != 0 ? os::now_ms() - s.closed_at_ms : 0;
}

void fill_counts(const slab::cache_sight& s, gs_observe_cache* out) noexcept {
  out->slabs = s.slabs;
  out->slabs_used = s.slabs_used;
  out->objects = s.carved;
  out->allocated = s.allocated;
  out->free_in_slabs = s.free_in_slabs;
  out->parked = s.parked;
  out->ready = s.ready;
  out->deferred = s.deferred;
  out->retired = s.retired;
  out->reclaimed = s.reclaimed;
  out->unborn = s.unborn;
  out->leaked = s.leaked;
  out->late_frees = s.late_frees;
  out->resident_bytes = s.resident_bytes;
  out->oldest_ms = s.waits_since_ms != 0 ? os::now_ms() - s.waits_since_ms : 0;
}

void fill_oldest(gs_domain* d, patience p, gs_observe_domain* out) noexcept {
  rcu::section_sight oldest;
  out->unseen = in_some_tries(p, [&] { return rcu::sight_oldest(d, &oldest); }) ? 0 : 1;
  out->oldest_ms = oldest.age_ms;
  out->oldest_thread = oldest.tid;
  out->oldest_nesting = oldest.nesting;
  if (oldest.tid != 0) os::thread_name(oldest.tid, out->oldest_name, sizeof out->oldest_name);
}

}  // namespace

gs_observe_head head_of(gs_observe_kind kind, std::size_t bytes) noexcept {
  return {GS_OBSERVE_MAGIC, GS_OBSERVE_VERSION, static_cast<std::uint16_t>(kind),
          static_cast<std::uint32_t>(bytes), 0};
}

bool look_at_domain(gs_domain* d, patience p, gs_observe_domain* out) noexcept {
  *out = {};
  const std::uintptr_t handle = gs_load_relaxed(&d->handle);
  if (handle == rcu::no_handle) return false;
  const rcu::lease lent({handle, d}, !os::is_midway());
  if (!lent) return false;
  out->head = head_of(GS_OBSERVE_DOMAIN, sizeof *out);
  base::writer(out->name, sizeof out->name).add("%s", rcu::domain_name(d));
  out->id = rcu::domain_id(d);
  const gs_domain_stats s = rcu::domain_stats(d);
  out->fence = static_cast<std::uint32_t>(s.fence);
  out->started = s.started;
  out->completed = s.completed < s.started ? s.completed : s.started;  // the two are read in turn
  out->callbacks_posted = s.callbacks_posted;
  out->callbacks_invoked = s.callbacks_invoked;
  out->retired = s.retired;
  out->reclaimed = s.reclaimed;
  out->pending_bytes = gs_load_relaxed(&rcu::room(d).pending_bytes);
  out->memory_bytes = rcu::room(d).memory.used();
  out->stalls = s.stalls;
  out->slots = static_cast<std::uint32_t>(s.readers);
  out->readers = rcu::sight_readers(d);
  out->barrier_waiters = rcu::sight_barriers(d);
  fill_oldest(d, p, out);
  return true;
}

bool look_at_cache(slab::cache& c, patience p, gs_observe_cache* out) noexcept {
  *out = {};
  out->head = head_of(GS_OBSERVE_CACHE, sizeof *out);
  slab::cache_sight s;
  slab::looked how = slab::looked::busy;
  (void)in_some_tries(p, [&] {
    how = slab::look_at(c, &s);
    return how != slab::looked::busy;
  });
  if (how == slab::looked::gone) return false;
  out->unseen = how == slab::looked::busy ? 1 : 0;
  out->id = c.id;
  if (s.id == 0) return true;
  fill_constants(s, out);
  out->domain = rcu::domain_id(rcu::record_of(s.domain));
  if (out->unseen == 0) fill_counts(s, out);
  return true;
}

const char* stage_name(std::uint32_t stage) noexcept {
  switch (stage) {
    case GS_STAGE_OPEN:
      return "open";
    case GS_STAGE_CLOSING:
      return "closing";
    case GS_STAGE_DRAINING:
      return "draining";
    default:
      return "gone";
  }
}

}  // namespace graceslab::observe
