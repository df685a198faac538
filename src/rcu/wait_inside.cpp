// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A grace period that is waited for inside a section of its own domain: for every section that
// existed when the wait began, but for the caller's.
// Page: docs/ordering/grace-period.md, claims 10 and 11
#include "os/sanitizer.hpp"
#include "os/thread.hpp"
#include "rcu/await.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/unproved.hpp"

namespace graceslab::rcu {
namespace {

// Says that our sections wait inside themselves, for the length of a scope.
class inside_scope {
 public:
  explicit inside_scope(gs_domain* d) noexcept
      : domain_(d), own_(own_slot(d)), counter_(overflow_say_waiting(d)) {
    if (own_) gs_store_release(&own_->waiting_inside, 1u);
  }
  ~inside_scope() {
    if (own_) gs_store_release(&own_->waiting_inside, 0u);
    overflow_say_done(domain_, counter_);
  }
  inside_scope(const inside_scope&) = delete;
  inside_scope& operator=(const inside_scope&) = delete;
  const reader_slot* own() const noexcept { return own_; }

 private:
  gs_domain* domain_;
  reader_slot* own_;
  int counter_;
};

// Sleeps between two looks; false when the deadline passed.
bool step(gs_domain* d, backoff& pace) noexcept {
  if (pace.step()) check_stall(d);
  return !deadline_passed();
}

// A grace period whose heavy fence came after the call; 0 when the deadline passed before.
std::uint64_t fenced_start(gs_domain* d) noexcept {
  const std::uint64_t cookie = snapshot(d);
  unproved_watch watch(d);
  for (backoff pace(effort::normal);;) {
    std::uint64_t before, started = 0;
    {
      sync::lock_guard guard(d->gp_lock);
      before = d->completed;
      advance_locked(d, cookie);
      if (d->scanned) started = newest(d);
    }
    tell_waiters(d, before);
    if (started != 0) return started;
    if (watch.lost()) watch.say_when_due();
    if (!step(d, pace)) return 0;
  }
}

bool held_by(const reader_slot& slot, std::uint64_t s) noexcept {
  // ORDER gp.inside <-> reader.leave   (docs/ordering/grace-period.md, claim 10)
  const std::uint64_t word = gs_load_acquire(&slot.reader.word);
  os::take_over(&slot.reader.word);
  return nesting_of(word) != 0 && began_before(word, s) &&
         gs_load_acquire(&slot.waiting_inside) == 0;
}

// Slot after slot: one that was seen out of the way once is not looked at again.
bool wait_for_slots(gs_domain* d, const reader_slot* own, std::uint64_t s) noexcept {
  backoff pace(effort::normal);
  for (reader_chunk* c = gs_load_acquire(&d->chunks); c; c = c->next)
    for (const reader_slot& slot : c->slot)
      while (&slot != own && held_by(slot, s))
        if (!step(d, pace)) return false;
  return true;
}

void wait_for_counts(gs_domain* d, std::uint64_t s) noexcept {
  for (backoff pace(effort::normal);;) {
    if (d->gp_lock.try_lock()) {
      const bool left = overflow_others_left(d->overflow, s, newest(d));
      d->gp_lock.unlock();
      if (left) return;
    }
    if (!step(d, pace)) return;
  }
}

}  // namespace

void wait_for_others(gs_domain* d) noexcept {
  const std::uint64_t s = fenced_start(d);
  if (s == 0) return;
  inside_scope inside(d);
  if (wait_for_slots(d, inside.own(), s)) wait_for_counts(d, s);
}

}  // namespace graceslab::rcu
