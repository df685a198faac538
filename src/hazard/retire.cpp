// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Retiring: into this thread's share of the lists. Never waits, needs no memory, keeps errno.
#include "hazard/slots.hpp"
#include "os/keep_errno.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/owner.hpp"
#include "rcu/queue.hpp"

namespace graceslab::hazard {

constinit shard shards[rcu::shards_max + 1];

void append(list& l, gs_hazard_head* h) noexcept {
  h->head.gs_word[1] = 0;
  if (l.last)
    l.last->head.gs_word[1] = reinterpret_cast<std::uintptr_t>(h);
  else
    l.first = h;
  l.last = h;
  ++l.count;
}

gs_hazard_head* take_first(list& l) noexcept {
  gs_hazard_head* h = l.first;
  if (!h) return nullptr;
  l.first = next_of(h);
  if (!l.first) l.last = nullptr;
  --l.count;
  return h;
}

namespace {

shard& own_shard() noexcept {
  const sync::thread_record* record = sync::this_thread();
  return shards[(record ? record->number : 0) & (rcu::shard_count() - 1)];
}

enum class outcome { queued, full, closing };

// As the queue of callbacks does: the owner is found open for the generation that is compared under
// the lock.
outcome push(shard& s, gs_hazard_head* h) noexcept {
  const rcu::entry e{&h->head, h->func, h->owner};
  for (std::uint32_t verified = 0;;) {
    {
      sync::lock_guard guard(s.lock);
      if (rcu::closing_generation() == verified) {
        append(s.retired, h);
        const std::uint64_t limit = s.limit != 0 ? s.limit : limit_least;
        return s.retired.count >= limit ? outcome::full : outcome::queued;
      }
    }
    verified = rcu::closing_generation();
    if (verified != 0 && rcu::owner_is_closing(e)) return outcome::closing;
  }
}

void turn_away(gs_hazard_head* h) noexcept {
  rcu::turn_away(&deleters, {&h->head, h->func, h->owner}, GS_REPORT_REARMING_CALLBACK,
                 "again while its owner is being settled or unloaded", unprotected(h));
}

}  // namespace

bool claim_head(gs_hazard_head* h) noexcept {
  os::keep_errno keep;
  os::define(h, sizeof *h);
  if (rcu::mark_queued(&h->head)) return true;
  rcu::report_here(GS_REPORT_DOUBLE_CALLBACK,
                   "the object %p is retired already, under hazard pointers; the second call is "
                   "dropped",
                   static_cast<void*>(h));
  return false;
}

void retire_claimed(gs_hazard_head* h, rcu_callback_t func, void* owner) noexcept {
  os::keep_errno keep;
  os::hand_over(&h->head);
  h->func = func;
  h->owner = owner;
  const outcome o = push(own_shard(), h);
  if (o == outcome::closing) return turn_away(h);
  arm_poll();
  if (o == outcome::full) scan_and_help();
}

void retire(gs_hazard_head* h, rcu_callback_t func, void* owner) noexcept {
  if (claim_head(h)) retire_claimed(h, func, owner);
}

}  // namespace graceslab::hazard
