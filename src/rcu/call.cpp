// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// call_rcu(): never waits, never needs memory, keeps errno.
#include "os/busted.hpp"
#include "os/cancel.hpp"
#include "os/keep_errno.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "os/stack.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/owner.hpp"
#include "rcu/run.hpp"
#include "rcu/worker.hpp"

namespace graceslab::rcu {
namespace {

shard& pick(gs_domain* d) noexcept {
  const sync::thread_record* record = sync::this_thread();
  return d->shards[(record ? record->number : 0) & (shard_count() - 1)];
}

// A drain wants to know which callback keeps the domain busy; one that posts itself is the best
// answer.
[[gnu::noinline]] void note_rearming(domain_ref r, rcu_callback_t func) noexcept {
  gs_domain* d = r.record;
  const void* current = current_callback();
  const lease lent(r);
  if (!current || !lent) return;
  const auto* posted_func = reinterpret_cast<const void*>(func);
  gs_fetch_add_relaxed(&d->rearms, std::uint64_t{1});
  if (posted_func == current || gs_load_relaxed(&d->rearmed) == nullptr)
    gs_store_relaxed(&d->rearmed, posted_func);
}

void run_inline(gs_domain* d, const entry& e) noexcept {
  os::cancel_off cancel;
  owner_code running(d, e.owner, reinterpret_cast<const void*>(e.func));
  run_entry(d, e);
}

}  // namespace

void turn_away(gs_domain* d, const entry& e, gs_report kind, const char* why,
               bool runnable) noexcept {
  unmark(e.head);
  if (runnable && may_wait() && wait_or_leak(d, snapshot(d))) return run_inline(d, e);
  note_refused(e);
  char name[200];
  os::describe_function(reinterpret_cast<const void*>(e.func), name, sizeof name);
  report_here(
      kind,
      "domain '%s': callback %s is posted %s: it is not queued, and what it would free is leaked",
      domain_name(d), name, why);
}

void hand_in(gs_domain* d, const entry& e) noexcept {
  shard& s = pick(d);
  while (append({0, d}, s, e, closing_generation(), false) == posting::recheck) {
  }
}

void end_handing_in(gs_domain* d) noexcept {
  shard& s = pick(d);
  {
    sync::lock_guard guard(s.lock);
    seal(d, s);
  }
  wake_worker();
  d->batch_done.notify_all();
}

void run_handed_in(gs_domain* d, unsigned most) noexcept {
  shard& own = pick(d);
  most -= run_shard(d, own, {}, most, nullptr, nullptr);
  for (shard& s : d->shards)
    if (most != 0 && &s != &own) most -= run_shard(d, s, {}, most, nullptr, nullptr);
}

void note_endless(gs_domain* d, const void* function, std::uint64_t rounds) noexcept {
  if (gs_load_relaxed(&d->drains) == 0) return;
  gs_fetch_add_relaxed(&d->rearms, rounds);
  gs_store_relaxed(&d->rearmed, function);
}

namespace {

// A callback that is not queued and not run.
void drop(domain_ref r, const entry& e) noexcept {
  unmark(e.head);
  report_stale(r, "call_rcu");
}

// For a domain that is closed or an owner that is closing.
void turn_away_from(domain_ref r, const entry& e, gs_report kind, const char* why) noexcept {
  if (const lease lent(r); lent)
    turn_away(r.record, e, kind, why, true);
  else
    drop(r, e);
}

void post(domain_ref r, const entry& e, bool hurry) noexcept {
  os::keep_errno keep;
  os::hand_over(e.head);
  gs_domain* d = r.record;
  if (GS_UNLIKELY(gs_load_relaxed(&d->drains) != 0)) note_rearming(r, e.func);
  shard& s = pick(d);
  os::open_window();
  for (std::uint32_t verified = 0;;) {
    switch (append(r, s, e, verified, hurry)) {
      case posting::quiet:
        return;
      case posting::wake:
        wake_worker();
        d->batch_done
            .notify_all();  // a reopened batch wants to be sealed anew by whoever waits for it
        if (callers_drive()) try_advance(d, snapshot(d));
        return;
      case posting::closed:
        return turn_away_from(r, e, GS_REPORT_CLOSED_DOMAIN,
                              "to a closed domain, inside a section or callback");
      case posting::stale:
        if (!named(r)) return drop(r, e);
        break;
      case posting::recheck:
        verified = closing_generation();
        if (verified != 0 && owner_is_closing(e))
          return turn_away_from(r, e, GS_REPORT_REARMING_CALLBACK,
                                "again while its owner is being settled or unloaded");
        break;
    }
  }
}

}  // namespace

bool claim_head(domain_ref r, rcu_head* head) noexcept {
  os::keep_errno keep;
  os::define(head, sizeof *head);
  if (mark_queued(head)) return true;
  if (const lease lent(r); lent)
    report_here(GS_REPORT_DOUBLE_CALLBACK,
                "domain '%s': the callback head %p is queued already; the second call is dropped",
                domain_name(r.record), static_cast<void*>(head));
  else
    report_stale(r, "call_rcu");
  return false;
}

void call(domain_ref r, rcu_head* head, rcu_callback_t func, void* owner) noexcept {
  if (head && func && claim_head(r, head)) post(r, {head, func, owner}, false);
}

void call_claimed(domain_ref r, rcu_head* head, rcu_callback_t func, void* owner) noexcept {
  post(r, {head, func, owner}, false);
}

void call_hurry(domain_ref r, rcu_head* head, rcu_callback_t func, void* owner) noexcept {
  if (head && func && claim_head(r, head)) post(r, {head, func, owner}, true);
}

}  // namespace graceslab::rcu
