// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/callbacks.md, claims 5, 11 and 12
#include "rcu/settle.hpp"

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/pending.hpp"
#include "rcu/stuck.hpp"

namespace graceslab::rcu {
namespace {

bool can_wait(gs_domain* d, std::uint64_t cookie) noexcept {
  if (done(d, cookie)) return true;
  if (reader_nesting(d) == 0) return wait_or_leak(d, cookie);
  report_here(GS_REPORT_SYNCHRONIZE_IN_READER,
              "domain '%s': an owner's callbacks are waited for inside a read-side section "
              "(thread %u): they are taken out of the queue and leaked",
              domain_name(d), os::tid());
  return false;
}

// A grace period cannot be waited for, and the code is about to go: the memory leaks, nobody jumps
// into the void.
unsigned long drop(gs_domain* d, const those& which) noexcept {
  unsigned long n = 0;
  wish w;
  w.of = &which;
  w.unready = true;
  runner_scope scope(d);
  for (shard& s : d->shards) {
    place where;
    entry e{};
    batch* surplus = nullptr;
    {
      sync::lock_guard guard(s.lock);
      for (; claim(d, s, w, &where, &e, scope.record); ++n) {
        unmark(e.head);
        finish(s, scope.record, surplus);
      }
    }
    give_back(surplus);
  }
  d->batch_done.notify_all();
  return n;
}

}  // namespace

bool withdraw(gs_domain* d, const void* owner) noexcept {
  whose of;
  of.token = owner;
  const those which = of_owner(of);
  return look_at_queue(d, which).any && drop(d, which) != 0;
}

namespace {

void run_or_drop(gs_domain* d, const those& which, unsigned long* dropped) noexcept {
  const queued_now q = look_at_queue(d, which);
  if (!q.any) return;
  if (can_wait(d, q.cookie))
    run_queued(d, which, q);
  else
    *dropped += drop(d, which);
}

void wait_for_runners(const those& which) noexcept {
  const std::uint64_t seen = newest_invocation();
  if (!running_elsewhere(nullptr, which, seen)) return;
  waiting_scope sitting;
  for (backoff pace(effort::normal); running_elsewhere(nullptr, which, seen);) {
    if (!pace.step()) continue;
    if (deadline_passed()) return;
    (void)look_for_stuck();
  }
}

}  // namespace

patience::patience() noexcept : began_ms_(os::now_ms()) {}

bool patience::over() const noexcept {
  return os::now_ms() - began_ms_ >= gs_load_relaxed(&os::settings.stall_ms);
}

bool quiet(const watch& w) noexcept {
  const those ours = of_owner(w.of);
  const std::uint64_t before = w.newest();
  if (running_elsewhere(nullptr, ours, any_number) || hazards().count(ours) != 0) return false;
  for (gs_domain* d = first_domain(); d; d = next_domain(d))
    if (look_at_queue(d, ours).any) return false;
  return w.newest() == before;
}

void settle_round(const watch& w, unsigned long* dropped) noexcept {
  const those ours = of_owner(w.of);
  hazards().scan();
  for (gs_domain* d = first_domain(); d; d = next_domain(d)) run_or_drop(d, ours, dropped);
  wait_for_runners(ours);
  for (gs_domain* d = first_domain(); d; d = next_domain(d)) see_finished(d);
}

unsigned long pending_of(const whose& owner) noexcept {
  const those ours = of_owner(owner);
  unsigned long n = hazards().count(ours);
  for (gs_domain* d = first_domain(); d; d = next_domain(d)) n += count_pending(d, ours);
  return n;
}

bool runs_on_this_stack(const whose& owner) noexcept {
  for (const runner* r = current_runner; r; r = r->outer)
    if (r->func && owner.has(r->owner, r->func, r->head)) return true;
  return false;
}

}  // namespace graceslab::rcu
