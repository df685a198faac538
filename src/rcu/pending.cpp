// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "rcu/pending.hpp"

#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/run.hpp"
#include "rcu/watch.hpp"
#include "rcu/worker.hpp"

namespace graceslab::rcu {

queued_now look_at_queue(gs_domain* d, const those& which) noexcept {
  queued_now q;
  wish w;
  w.of = &which;
  for (unsigned i = 0; i < shards_max; ++i) {
    shard& s = d->shards[i];
    sync::lock_guard guard(s.lock);
    const bool found = newest_cookie(d, s, w, &q.cookie);
    q.below[i] = s.posted;
    q.most[i] = found ? static_cast<unsigned>(s.posted - s.finished) : 0;
    q.any |= found;
  }
  return q;
}

unsigned run_queued(gs_domain* d, const those& which, const queued_now& q) noexcept {
  unsigned ran = 0;
  for (unsigned i = 0; i < shards_max; ++i) {
    wish w;
    w.of = &which;
    w.below = q.below[i];
    ran += run_shard(d, d->shards[i], w, q.most[i], nullptr, nullptr);
  }
  return ran;
}

bool running_elsewhere(const gs_domain* d, const those& which, std::uint64_t number) noexcept {
  const std::uint32_t self = os::tid();
  const bool inside = in_callback();
  sync::lock_guard guard(runners_lock);
  for (const runner* r = runners; r; r = r->next) {
    if ((d && r->domain != d) || r->tid == self) continue;
    // ORDER callbacks.look <-> callbacks.returned   (docs/ordering/callbacks.md, claim 16)
    if (gs_load_acquire(&r->number) > number || !runs_one(*r, which)) continue;
    if (inside && r->waiting != 0) continue;
    return true;
  }
  return false;
}

unsigned long count_pending(gs_domain* d, const those& which) noexcept {
  unsigned long n = 0;
  for (shard& s : d->shards) {
    sync::lock_guard guard(s.lock);
    n += count_queued(s, which);
  }
  sync::lock_guard guard(runners_lock);
  for (const runner* r = runners; r; r = r->next) {
    const bool unsure = which.by_owner && gs_load_relaxed(&r->owner) == unknown_owner();
    n += r->domain == d && !unsure && runs_one(*r, which);
  }
  return n;
}

void run_those(gs_domain* d, const those& which) noexcept {
  const queued_now q = look_at_queue(d, which);
  if (q.any) (void)run_queued(d, which, q);
}

bool wait_for_those(gs_domain* d, const those& which) noexcept {
  for (backoff pace(effort::normal);;) {
    const queued_now q = look_at_queue(d, which);
    if (!q.any && !running_elsewhere(d, which, any_number)) break;
    if (!wait_or_leak(d, q.cookie)) return false;
    if (q.any && !left_to_workers() && run_queued(d, which, q) != 0) continue;
    if (deadline_passed()) return false;
    if (!pace.step()) continue;
    if (q.any) wake_worker();
    (void)look_for_stuck();
  }
  see_finished(d);
  return true;
}

}  // namespace graceslab::rcu
