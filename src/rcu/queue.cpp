// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Batches of callbacks: filled, sealed with a cookie, claimed, complete.
// Page: docs/ordering/callbacks.md
#include "rcu/queue.hpp"

#include <algorithm>
#include <new>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/event.hpp"
#include "os/fault.hpp"
#include "os/pages.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grant.hpp"
#include "rcu/owner.hpp"
#include "rcu/run.hpp"
#include "rcu/whose.hpp"

namespace graceslab::rcu {
namespace {

constexpr std::uint32_t spares_max = 4;

std::uint64_t age_ms() noexcept { return gs_load_relaxed(&os::settings.retire_age_ms); }

// A lone callback need not grow old.
std::uint64_t old_enough_ms(const shard& s) noexcept {
  const std::uint64_t stamp_ms = s.filling->stamp_ms, old_ms = stamp_ms + age_ms();
  if (gs_load_relaxed(&os::settings.lazy)) return old_ms;
  return std::max(stamp_ms, std::min(s.pause_ms, old_ms));
}

void refresh_due(shard& s) noexcept {
  std::uint64_t due = never_ms;
  if (s.waiting != 0)
    due = 0;
  else if (s.filling)
    due = old_enough_ms(s);
  gs_store_relaxed(&s.due_ms, due);
}

void link_last(shard& s, batch* b) noexcept {
  b->prev = s.last;
  b->next = nullptr;
  (s.last ? s.last->next : s.first) = b;
  s.last = b;
}

void unlink(shard& s, batch* b) noexcept {
  (b->prev ? b->prev->next : s.first) = b->next;
  (b->next ? b->next->prev : s.last) = b->prev;
  ++s.removals;
}

void push(batch*& list, batch* b) noexcept {
  b->next = list;
  list = b;
}

bool keep_spare(shard& s, batch* b) noexcept {
  if (s.spares == spares_max) return false;
  push(s.spare, b);
  ++s.spares;
  return true;
}

void drop_batch(shard& s, batch* b, batch*& surplus) noexcept {
  unlink(s, b);
  if (s.joining == b) s.joining = nullptr;
  if (b->linked)
    *b = {};
  else if (!keep_spare(s, b))
    push(surplus, b);
}

batch* take_spare(shard& s) noexcept {
  if (!s.spare || os::fault_now(GS_FAULT_ARRAY)) return nullptr;
  batch* b = s.spare;
  s.spare = b->next;
  --s.spares;
  return b;
}

void open_batch(shard& s, batch* b, bool linked) noexcept {
  *b = {};
  b->linked = b->in_list = linked;
  b->first = s.posted;
  b->stamp_ms = os::now_ms();
  link_last(s, b);
  s.filling = b;
  s.joining = nullptr;
}

// Without a free descriptor the newest linked batch takes more in; it is sealed anew, with a later
// cookie.
void reopen_newest(shard& s) noexcept {
  batch* b = s.last;
  while (!b->linked) b = b->prev;
  b->sealed = false;
  s.waiting -= b->count - b->taken;
  s.filling = b;
}

void open_linked(shard& s) noexcept {
  for (batch& b : s.reserve)
    if (!b.in_list) return open_batch(s, &b, true);
  reopen_newest(s);
}

// Makes s.filling ready to take one more; false: try again with memory, without the lock.
bool have_room(shard& s, bool tried, batch*& fresh) noexcept {
  if (s.filling) return true;
  if (batch* b = fresh) {
    fresh = nullptr;
    open_batch(s, b, false);
  } else if (batch* spare = take_spare(s)) {
    open_batch(s, spare, false);
  } else if (tried) {
    open_linked(s);
  } else {
    return false;
  }
  return true;
}

void put(batch& b, const entry& e) noexcept {
  if (!b.linked) {
    b.entries()[b.count++] = e;
    return;
  }
  link_head(e.head, e.func);
  if (b.chain_last)
    link_after(b.chain_last, e.head);
  else
    b.chain_first = e.head;
  b.chain_last = e.head;
  ++b.count;
}

// Into the newest sealed array, if a callback that is posted now waits for the same grace period:
// who seals often, or by age while a reader stays, does not spend an array on each.
bool join(gs_domain* d, shard& s, const entry& e, posting* result) noexcept {
  batch* b = s.joining;
  if (!b || s.filling) return false;
  // Where no reader enters the same cookie is always done, and who posts itself would never rest.
  if (snapshot(d) != b->cookie || done(d, b->cookie)) {
    s.joining = nullptr;
    return false;
  }
  put(*b, e);
  if (b->count == batch_capacity) s.joining = nullptr;
  gs_store_relaxed(&s.posted, s.posted + 1);
  *result = s.waiting++ == 0 ? posting::wake : posting::quiet;
  if (*result == posting::wake) refresh_due(s);
  return true;
}

posting append_locked(gs_domain* d, shard& s, const entry& e, bool hurry) noexcept {
  batch& b = *s.filling;
  const bool fresh = b.count == b.taken;
  put(b, e);
  gs_store_relaxed(&s.posted, s.posted + 1);
  const bool full = !b.linked && b.count == batch_capacity;
  if (full) s.pause_ms = b.stamp_ms + age_ms();
  if (full || hurry) seal(d, s);
  if (!fresh && !full && !hurry && !b.linked) return posting::quiet;
  refresh_due(s);
  return posting::wake;
}

bool take_linked(batch& b, entry* out) noexcept {
  rcu_head* head = b.chain_first;
  if (!head) return false;
  b.chain_first = linked_next(head);
  if (!b.chain_first) b.chain_last = nullptr;
  *out = {head, linked_func(head), unknown_owner()};
  mark_unlinked(head);
  return true;
}

bool take_next(batch& b, entry* out) noexcept {
  while (b.cursor < b.count) {
    const entry& e = b.entries()[b.cursor++];
    if (!e.head) continue;
    *out = e;
    return true;
  }
  return false;
}

bool is_one(const entry& e, const those& which) noexcept {
  return e.head && which.has(e.owner, reinterpret_cast<const void*>(e.func), e.head);
}

bool take_one_of(batch& b, const those& which, std::uint32_t* index, entry* out) noexcept {
  if (*index < b.cursor) *index = b.cursor;
  for (; *index < b.count; ++*index) {
    entry& e = b.entries()[*index];
    if (!is_one(e, which)) continue;
    *out = e;
    gs_store_relaxed(&e.head, static_cast<rcu_head*>(nullptr));  // a runner may look (grant.cpp)
    b.holed = true;
    return true;
  }
  return false;
}

bool take(batch& b, const wish& w, std::uint32_t* index, entry* out) noexcept {
  if (b.taken == b.count) return false;
  if (b.linked) return take_linked(b, out);
  return w.of ? take_one_of(b, *w.of, index, out) : take_next(b, out);
}

bool claimable(gs_domain* d, const batch& b, const wish& w) noexcept {
  if (w.unready) return b.sealed && !b.linked;
  return b.sealed && done(d, b.cookie);
}

std::uint32_t count_linked(const batch& b, const those& which) noexcept {
  std::uint32_t n = 0;
  for (rcu_head* h = b.chain_first; h; h = linked_next(h))
    n += is_one({h, linked_func(h), unknown_owner()}, which);
  return n;
}

bool contains(batch& b, const wish& w) noexcept {
  if (!w.of) return true;
  if (b.linked) return w.of->by_owner ? b.taken != b.count : count_linked(b, *w.of) != 0;
  for (std::uint32_t i = b.cursor; i < b.count; ++i)
    if (is_one(b.entries()[i], *w.of)) return true;
  return false;
}

}  // namespace

posting append(domain_ref r, shard& s, const entry& e, std::uint32_t verified,
               bool hurry) noexcept {
  gs_domain* d = r.record;
  batch* fresh = nullptr;
  posting result = posting::quiet;
  for (bool tried = false;; tried = true) {
    {
      sync::lock_guard guard(s.lock);
      bool decided = true;
      if (gs_load_relaxed(&d->handle) != r.handle)
        result = posting::stale;
      else if (gs_load_relaxed(&d->closed) != 0)
        result = posting::closed;
      else if (closing_generation() != verified)
        result = posting::recheck;
      else if (!join(d, s, e, &result) && (decided = have_room(s, tried, fresh)))
        result = append_locked(d, s, e, hurry);
      if (decided) {
        if (fresh && keep_spare(s, fresh)) fresh = nullptr;
        break;
      }
    }
    fresh = static_cast<batch*>(os::map(batch_bytes, GS_FAULT_ARRAY));
  }
  if (fresh) os::unmap(fresh, batch_bytes);
  return result;
}

void seal(gs_domain* d, shard& s) noexcept {
  batch* b = s.filling;
  if (!b) return;
  s.filling = nullptr;
  b->cookie = snapshot(d);
  b->sealed = true;
  if (b == s.last && !b->linked && b->count != batch_capacity) s.joining = b;
  s.waiting += b->count - b->taken;
  refresh_due(s);
  os::event::batch(d->id, b->count, b->cookie, d->name);
}

void seal_aged(gs_domain* d, shard& s) noexcept {
  const std::uint64_t now_ms = os::now_ms();
  if (!s.filling) return;
  if (old_enough_ms(s) > now_ms) return refresh_due(s);  // the settings have changed since
  s.pause_ms = now_ms + age_ms();
  seal(d, s);
}

void close(gs_domain* d, shard& s) noexcept {
  seal(d, s);
  s.joining = nullptr;
}

bool claim(gs_domain* d, shard& s, const wish& w, place* where, entry* out, runner& r) noexcept {
  recall(s);
  if (!where->at || where->removals != s.removals) *where = {s.first, 0, s.removals};
  for (; where->at; *where = {where->at->next, 0, s.removals}) {
    batch& b = *where->at;
    if (b.first >= w.below) return false;
    if (!claimable(d, b, w)) {
      if (w.of) continue;
      return false;
    }
    if (!take(b, w, &where->index, out)) continue;
    ++b.taken;
    gs_store_relaxed(&r.from, &b);
    show(r, *out);
    count_begun(s, 1);
    return true;
  }
  return false;
}

bool finish(shard& s, runner& r, batch*& surplus) noexcept {
  if (s.granted == &r) recall(s);
  r.upcoming = nullptr;
  batch* b = r.from;
  gs_store_relaxed(&r.from, static_cast<batch*>(nullptr));
  // ORDER callbacks.returned <-> callbacks.look   (docs/ordering/callbacks.md, claim 16)
  gs_store_release(&r.func, static_cast<const void*>(nullptr));
  ++b->done;
  count_finished(s, 1);
  if (!b->sealed || b->done != b->count) return false;
  drop_batch(s, b, surplus);
  return true;
}

void count_begun(shard& s, std::uint32_t n) noexcept {
  s.waiting -= n;
  if (s.waiting == 0) refresh_due(s);
}

void count_finished(shard& s, std::uint32_t n) noexcept {
  os::hand_over(&s.finished);
  // ORDER callbacks.finish <-> callbacks.quiet   (docs/ordering/callbacks.md, claim 3)
  gs_store_release(&s.finished, s.finished + n);
}

void give_back(batch*& surplus) noexcept {
  while (batch* b = surplus) {
    surplus = b->next;
    os::unmap(b, batch_bytes);
  }
}

bool newest_cookie(gs_domain* d, shard& s, const wish& w, std::uint64_t* cookie) noexcept {
  recall(s);
  bool found = false;
  for (batch* b = s.first; b && b->first < w.below; b = b->next) {
    if (!contains(*b, w)) continue;
    if (b == s.filling) seal(d, s);
    if (b->cookie > *cookie) *cookie = b->cookie;
    found = true;
  }
  return found;
}

// Cookies rise along the list; reopened linked batches are the exception.
std::uint64_t last_cookie(const shard& s) noexcept {
  std::uint64_t cookie = s.last ? s.last->cookie : 0;
  for (const batch& b : s.reserve)
    if (b.in_list && b.cookie > cookie) cookie = b.cookie;
  if (s.last && s.last == s.filling && s.last->prev && s.last->prev->cookie > cookie)
    cookie = s.last->prev->cookie;
  return cookie;
}

std::uint32_t count_queued(shard& s, const those& which) noexcept {
  recall(s);
  std::uint32_t n = 0;
  for (batch* b = s.first; b; b = b->next) {
    for (std::uint32_t i = b->cursor; !b->linked && i < b->count; ++i)
      n += is_one(b->entries()[i], which);
    n += count_linked(*b, which);
  }
  return n;
}

// Grants were recalled before the fork. Callbacks that other threads were running then run in the
// parent only: here they count as done. What is posted from now on finds no array that takes it in
// quietly, and starts a worker.
void shard_after_fork_in_child(gs_domain* d, shard& s) noexcept {
  s.lock.reset_in_child();
  close(d, s);
  batch* surplus = nullptr;
  for (batch* b = s.first; b;) {
    batch* after = b->next;
    std::uint32_t mine = 0;
    for (const runner* r = current_runner; r; r = r->outer) mine += gs_load_relaxed(&r->from) == b;
    const std::uint32_t gone = b->taken - mine - b->done;
    b->done += gone;
    gs_store_relaxed(&s.finished, s.finished + gone);
    if (b->sealed && b->done == b->count) drop_batch(s, b, surplus);
    b = after;
  }
  give_back(surplus);
}

tally count_callbacks(const gs_domain* d) noexcept {
  tally all;
  for (const shard& s : d->shards) {
    // ORDER callbacks.quiet <-> callbacks.finish   (docs/ordering/callbacks.md, claim 3)
    all.finished += gs_load_acquire(&s.finished);
    all.posted += gs_load_relaxed(&s.posted);
  }
  return all;
}

std::uint64_t callbacks_posted(gs_domain* d) noexcept {
  std::uint64_t n = 0;
  for (const shard& s : d->shards) n += gs_load_relaxed(&s.posted);
  return n;
}

bool callbacks_pending(gs_domain* d) noexcept {
  for (shard& s : d->shards) {
    // ORDER callbacks.quiet <-> callbacks.finish   (docs/ordering/callbacks.md, claim 3)
    const std::uint64_t finished = gs_load_acquire(&s.finished);
    os::take_over(&s.finished);
    if (gs_load_relaxed(&s.posted) != finished) return true;
  }
  return false;
}

unsigned shard_count() noexcept {
  static unsigned known;
  unsigned n = gs_load_relaxed(&known);
  if (GS_LIKELY(n != 0)) return n;
  for (n = 1; n < os::cores_online() && n < shards_max;) n *= 2;
  gs_store_relaxed(&known, n);
  return n;
}

}  // namespace graceslab::rcu
