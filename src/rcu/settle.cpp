// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/callbacks.md, claim 5
#include "rcu/settle.hpp"

#include "os/clock.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/run.hpp"

namespace graceslab::rcu {
namespace {

constexpr unsigned no_limit = ~0u;

wish all_of(void* owner) noexcept {
  wish w;
  w.by_owner = true;
  w.owner = owner;
  return w;
}

bool queued(gs_domain* d, const wish& w, std::uint64_t* cookie) noexcept {
  bool found = false;
  for (shard& s : d->shards) {
    sync::lock_guard guard(s.lock);
    found |= newest_cookie(d, s, w, cookie);
  }
  return found;
}

bool can_wait(gs_domain* d, std::uint64_t cookie) noexcept {
  if (done(d, cookie)) return true;
  if (reader_nesting(d) == 0) return wait_or_leak(d, cookie);
  report_here(GS_REPORT_SYNCHRONIZE_IN_READER,
              "domain '%s': an owner's callbacks are waited for inside a read-side "
              "section (thread %u): they are taken out of the queue and leaked",
              domain_name(d), os::tid());
  return false;
}

// A grace period cannot be waited for, and the code is about to go: the memory leaks, nobody jumps
// into the void.
unsigned long drop(gs_domain* d, wish w) noexcept {
  unsigned long n = 0;
  w.unready = true;
  runner_scope scope(d);
  for (shard& s : d->shards) {
    place where;
    entry e{};
    sync::lock_guard guard(s.lock);
    for (; claim(d, s, w, &where, &e, scope.record); ++n) {
      unmark(e.head);
      finish(s, scope.record);
    }
  }
  d->batch_done.notify_all();
  return n;
}

bool settle_domain(gs_domain* d, void* owner, unsigned long* dropped) noexcept {
  const wish w = all_of(owner);
  std::uint64_t cookie = 0;
  if (!queued(d, w, &cookie)) return false;
  if (!can_wait(d, cookie)) {
    *dropped += drop(d, w);
    return false;
  }
  for (shard& s : d->shards) run_shard(d, s, w, no_limit, nullptr, nullptr);
  return true;
}

bool is_of(const runner& r, const void* owner) noexcept {
  if (!gs_load_relaxed(&r.func)) return false;
  const void* of = gs_load_relaxed(&r.owner);
  return of == owner || of == unknown_owner();
}

bool running_elsewhere(const void* owner) noexcept {
  const std::uint32_t self = os::tid();
  const bool inside = in_callback();
  sync::lock_guard guard(runners_lock);
  for (const runner* r = runners; r; r = r->next)
    if (r->tid != self && is_of(*r, owner) && !(inside && r->waiting != 0)) return true;
  return false;
}

bool wait_for_runners(void* owner) noexcept {
  if (!running_elsewhere(owner)) return false;
  waiting_scope sitting;
  for (backoff pace(effort::normal); running_elsewhere(owner);) pace.step();
  return true;
}

}  // namespace

bool settle_round(void* owner, unsigned long* dropped) noexcept {
  if (runs_on_this_stack(owner))
    report_here(GS_REPORT_WAIT_IN_CALLBACK,
                "an owner's callbacks are waited for inside one of them: all but those on "
                "this stack are waited for");
  bool any = false;
  for (gs_domain* d = first_domain(); d; d = next_domain(d))
    any |= settle_domain(d, owner, dropped);
  any |= wait_for_runners(owner);
  return any;
}

unsigned long pending_of(void* owner) noexcept {
  unsigned long n = 0;
  for (gs_domain* d = first_domain(); d; d = next_domain(d))
    for (shard& s : d->shards) {
      sync::lock_guard guard(s.lock);
      n += count_of_owner(s, owner);
    }
  sync::lock_guard guard(runners_lock);
  for (const runner* r = runners; r; r = r->next)
    n += gs_load_relaxed(&r->func) && gs_load_relaxed(&r->owner) == owner;
  return n;
}

bool runs_on_this_stack(const void* owner) noexcept {
  for (const runner* r = current_runner; r; r = r->outer)
    if (r->func && r->owner == owner) return true;
  return false;
}

}  // namespace graceslab::rcu
