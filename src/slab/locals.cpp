// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/locals.hpp"

#include "os/busted.hpp"
#include "os/fence.hpp"
#include "os/midway.hpp"
#include "os/sanitizer.hpp"
#include "slab/hooks.hpp"
#include "slab/meta.hpp"
#include "slab/slab.hpp"
#include "slab/takeover.hpp"
#include "slab/transit.hpp"
#include "sync/registry.hpp"

namespace graceslab::slab {
namespace {

// A thread's records by cache id: the first few also stand in its TLS block. The rest hang off a
// lazy two-level table: 16 KiB for the upper level, 4 KiB per 512 ids; the latest of them also
// stand in a table of 2 KiB, one for each remainder of the id. 4096 threads that each use 10 000
// caches: 4096 * (18 + 20 * 4) KiB = 392 MiB of tables and 2.5 GiB of records; threads that use a
// few caches pay 256 bytes.
constexpr std::uint32_t page_ids = 512;
constexpr std::uint32_t pages = 2048;
struct page {
  gs_local* local[page_ids];
};
struct directory {
  gs_local* first[GS_TLS_CACHES];
  page** upper;
  sync::far_table* far;  // nullptr: none yet, or no memory, and each look takes the long way
};

void* zeroed(std::size_t bytes, std::uint32_t cache) noexcept {
  void* p = meta_alloc(bytes, GS_FAULT_META, cache);
  os::unseen ours;
  if (p != nullptr) __builtin_memset(p, 0, bytes);
  return p;
}

gs_local** find_place(directory& d, std::uint32_t id) noexcept {
  if (id < GS_TLS_CACHES) return &d.first[id];
  if (d.upper == nullptr || d.upper[id / page_ids] == nullptr) return nullptr;
  return &d.upper[id / page_ids]->local[id % page_ids];
}

// Where the fast paths of this thread look first.
void remember(std::uint32_t id, gs_local* l) noexcept {
  if (id < GS_TLS_CACHES)
    gs_tls.local[id] = l;
  else if (gs_tls.far != sync::far_dummy.place)
    gs_tls.far[id % GS_TLS_FAR] = l;
}

// Of this thread.
void make_far(directory& d, std::uint32_t id) noexcept {
  if (d.far != nullptr) return;
  d.far = static_cast<sync::far_table*>(meta_alloc(sizeof(sync::far_table), GS_FAULT_META, id));
  if (d.far == nullptr) return;
  *d.far = sync::far_dummy;
  gs_tls.far = d.far->place;
}

gs_local** make_place(sync::thread_record& t, std::uint32_t id) noexcept {
  if (t.locals == nullptr) t.locals = zeroed(sizeof(directory), id);
  auto* d = static_cast<directory*>(t.locals);
  if (d == nullptr) return nullptr;
  if (id >= GS_TLS_CACHES) {
    if (d->upper == nullptr) d->upper = static_cast<page**>(zeroed(pages * sizeof(page*), id));
    if (d->upper == nullptr) return nullptr;
    page*& p = d->upper[id / page_ids];
    if (p == nullptr) p = static_cast<page*>(zeroed(sizeof(page), id));
    if (p == nullptr) return nullptr;
    make_far(*d, id);
  }
  return find_place(*d, id);
}

void take_arrays(gs_local& l, seize_what what, spoils* out, bool heirs_too = true) noexcept {
  auto take = [](gs_sheaf*& from, sheaf_list& to) {
    if (from != &no_sheaf) push(to, from);
    from = &no_sheaf;
  };
  if (heirs_too) {
    take(l.rcu, out->retired);
    gs_store_relaxed(&l.pending, std::uint8_t{0});
  }
  if (what == seize_what::retired) return;
  take(l.main, out->objects);
  take(l.prev, out->objects);
}

bool unlink(cache& c, gs_local& l) noexcept {
  for (gs_local** at = &c.locals; *at != nullptr; at = &(*at)->next)
    if (*at == &l) {
      *at = l.next;
      return true;
    }
  return false;
}

// Ties a new or stale record to the cache. False when the cache is closed. A stale one is no
// seizer's any more: the end of its cache waited for them.
bool tie(cache& c, std::uintptr_t handle, gs_local& l) noexcept {
  os::open_window();
  sync::lock_guard hold(c.locals_lock);
  if (!open_as(c, handle)) return false;
  l.main = l.prev = l.rcu = &no_sheaf;
  l.handle = handle;
  gs_store_relaxed(&l.inverse, detects(c) ? c.inverse : 0);
  gs_store_relaxed(&l.pending, std::uint8_t{0});
  l.next = c.locals;
  c.locals = &l;
  gs_store_relaxed(&l.closed, std::uint16_t{0});  // whatever its last cache left there
  return true;
}

// A record of a thread that ended. In a forked child its owner may have stopped between busy and
// not busy.
void hand_on(std::uint32_t id, gs_local& l) noexcept {
  cache* c = cache_from_id(id);
  if (c == nullptr) return;
  transit in_hand(*c);
  spoils s;
  bool linked = false;
  {
    sync::lock_guard nobody_seizes(c->seize_lock);
    sync::lock_guard hold(c->locals_lock);
    linked = l.handle == c->handle && unlink(*c, l);
  }
  // Seizers hold the lock for as long as they keep a record closed, but for a destroy, which leaves
  // it closed and empty: nobody else is at it any more. A destroy that has not come to this record
  // waits until what we hold here is home.
  if (linked) {
    take_arrays(l, seize_what::everything, &s);
    settle_spoils(*c, s);
    touch(*c);
  }
  meta_free(&l, sizeof l);
}

void hand_on_all(sync::thread_record& t) noexcept {
  auto* d = static_cast<directory*>(t.locals);
  if (d == nullptr) return;
  t.locals = nullptr;
  if (t.tls != nullptr) t.tls->far = sync::far_dummy.place;
  if (d->far != nullptr) meta_free(d->far, sizeof *d->far);
  for (std::uint32_t id = 0; id != GS_TLS_CACHES; ++id) {
    if (t.tls != nullptr) t.tls->local[id] = &sync::local_dummy;
    if (d->first[id] != nullptr) hand_on(id, *d->first[id]);
  }
  for (std::uint32_t i = 0; d->upper != nullptr && i != pages; ++i) {
    page* p = d->upper[i];
    if (p == nullptr) continue;
    for (std::uint32_t j = 0; j != page_ids; ++j)
      if (p->local[j] != nullptr) hand_on(i * page_ids + j, *p->local[j]);
    meta_free(p, sizeof *p);
  }
  if (d->upper != nullptr) meta_free(d->upper, pages * sizeof(page*));
  meta_free(d, sizeof *d);
}

bool stands_in(const gs_local* l) noexcept {
  return l != nullptr && gs_load_relaxed(&l->busy) != 0;
}

// Whether this thread is inside a pop or push, of any cache.
bool in_arrays() noexcept {
  auto* t = static_cast<sync::thread_record*>(gs_tls.thread);
  auto* d = t != nullptr ? static_cast<directory*>(t->locals) : nullptr;
  if (d == nullptr) return false;
  for (const gs_local* l : d->first)
    if (stands_in(l)) return true;
  for (std::uint32_t i = 0; d->upper != nullptr && i != pages; ++i)
    for (std::uint32_t j = 0; d->upper[i] != nullptr && j != page_ids; ++j)
      if (stands_in(d->upper[i]->local[j])) return true;
  return false;
}

[[gnu::constructor]] void register_hooks() {
  sync::on_thread_end(20, hand_on_all);
  os::also_midway(in_arrays);
}

}  // namespace

gs_local* local_far(const cache& c) noexcept {
  auto* t = static_cast<sync::thread_record*>(gs_tls.thread);
  if (t == nullptr || t->locals == nullptr) return &sync::local_dummy;
  gs_local** place = find_place(*static_cast<directory*>(t->locals), c.id);
  if (place == nullptr || *place == nullptr) return &sync::local_dummy;
  remember(c.id, *place);
  return *place;
}

void let_seizers_pass(cache& c) noexcept { sync::lock_guard until_they_are_done(c.seize_lock); }

gs_local* attach(cache& c, std::uintptr_t handle) noexcept {
  gs_local* l = local_of(c);
  if (GS_LIKELY(l != &sync::local_dummy && l->handle == handle)) return l;
  if (os::readers_fence() || os::fence_mode() == GS_FENCE_NONE) return nullptr;
  sync::thread_record* t = sync::this_thread();
  gs_local** place = t != nullptr ? make_place(*t, c.id) : nullptr;
  if (place == nullptr) return nullptr;
  l = *place;
  if (l == nullptr) {
    l = static_cast<gs_local*>(zeroed(sizeof(gs_local), c.id));
    if (l == nullptr) return nullptr;
    l->closed = 1;
    l->id = c.id;
    l->main = l->prev = l->rcu = &no_sheaf;
    *place = l;
  }
  if (!tie(c, handle, *l)) return nullptr;
  remember(c.id, l);
  return l;
}

void seizure::close(gs_local& l) noexcept {
  close_local(l);
  l.seize_next = taken_;
  taken_ = &l;
}

void seizure::begin(cache& c, seize_what what, seize_how how) noexcept {
  c.seize_lock.lock();
  cache_ = &c;
  what_ = what;
  how_ = how;
  bool only_pending = what == seize_what::retired;
  sync::lock_guard hold(c.locals_lock);
  for (gs_local* l = c.locals; l != nullptr; l = l->next)
    if (!only_pending || gs_load_relaxed(&l->pending) != 0) close(*l);
}

void seizure::begin_aged(cache& c, bool at_once, bool* young) noexcept {
  c.seize_lock.lock();
  cache_ = &c;
  what_ = seize_what::retired;
  sync::lock_guard hold(c.locals_lock);
  for (gs_local* l = c.locals; l != nullptr; l = l->next) {
    const std::uint8_t ticks = gs_load_relaxed(&l->pending);
    if (ticks == 1 && !at_once) {
      // The owner may be storing 1 just now: it then ages a tick less.
      gs_store_relaxed(&l->pending, std::uint8_t{2});
      *young = true;
    } else if (ticks != 0) {
      close(*l);
    }
  }
}

bool seizure::fence(bool anything_closed) noexcept {
  return !anything_closed || os::busted(os::flaw::skip_takeover) || os::heavy_fence();
}

void seizure::end(bool fenced, seize_then then, spoils* out) noexcept {
  bool skip = os::busted(os::flaw::skip_takeover);
  for (gs_local* l = taken_; l != nullptr; l = l->seize_next) {
    if (fenced && how_ == seize_how::politely && !quiet_soon(*l)) {
      left_some_ = true;
    } else if (fenced) {
      if (!skip) wait_until_quiet(*l);
      // What a run of destructors retires stays where it is until the run hands it over.
      take_arrays(*l, what_, out, l != cache_->run_local || then == seize_then::keep_closed);
    }
    if (!fenced || then == seize_then::reopen) reopen_local(*l);
  }
  cache_->seize_lock.unlock();
}

bool seize(cache& c, seize_what what, seize_then then, spoils* out) noexcept {
  seizure s;
  s.begin(c, what);
  bool fenced = seizure::fence(s.closed_any());
  s.end(fenced, then, out);
  return fenced;
}

standstill::standstill(cache& c) noexcept : cache_(c) {
  c.seize_lock.lock();
  {
    sync::lock_guard hold(c.locals_lock);
    for (gs_local* l = c.locals; l != nullptr; l = l->next) {
      close_local(*l);
      l->seize_next = records_;
      records_ = l;
    }
  }
  if (records_ == nullptr || !os::heavy_fence()) return;
  for (gs_local* l = records_; l != nullptr; l = l->seize_next) {
    wait_until_quiet(*l);
    const arrays here = in_record(*l);
    held_.parked += here.parked;
    held_.retired += here.retired;
  }
}

standstill::~standstill() {
  for (gs_local* l = records_; l != nullptr; l = l->seize_next) reopen_local(*l);
  cache_.seize_lock.unlock();
}

bool standstill::complete() const noexcept {
  for (const gs_local* l = cache_.locals; l != nullptr; l = l->next)
    if (gs_load_relaxed(&l->closed) == 0) return false;
  return true;
}

bool retired_in_arrays(cache& c) noexcept {
  sync::lock_guard hold(c.locals_lock);
  for (gs_local* l = c.locals; l != nullptr; l = l->next)
    if (gs_load_relaxed(&l->pending) != 0) return true;
  return false;
}

void settle_spoils(cache& c, spoils& s) noexcept {
  while (gs_sheaf* sheaf = pop(s.retired)) {
    if (std::uint32_t n = sheaf->count; n != 0) {
      (void)append_deferred(c, sheaf);
      hooks.deferred(c, n, 0);  // whoever collects for others is not held up by their limits
    } else {
      put_empty(c, sheaf);
    }
  }
  while (gs_sheaf* sheaf = pop(s.objects)) {
    flush(c, sheaf);
    put_empty(c, sheaf);
  }
}

// Our own record, with nobody seizing it.
gs_sheaf* heir_scope::change_runner(const gs_local* to, const void* thread) noexcept {
  sync::lock_guard nobody_seizes(c_.seize_lock);
  sync::lock_guard hold(c_.locals_lock);
  gs_store_relaxed(&c_.run_local, to);
  gs_store_relaxed(&c_.runner, thread);
  if (local_ == nullptr || gs_load_relaxed(&local_->closed) != 0 || local_->rcu->count == 0)
    return nullptr;
  gs_sheaf* retired = local_->rcu;
  local_->rcu = &no_sheaf;
  gs_store_relaxed(&local_->pending, std::uint8_t{0});
  return retired;
}

heir_scope::heir_scope(cache& c) noexcept : c_(c) {
  const void* self = sync::this_thread();
  if (stage_of(c) == GS_STAGE_OPEN) local_ = attach(c, c.handle);
  std::uint32_t n = 0;
  {
    transit in_hand(c);
    gs_sheaf* before = change_runner(local_, self);
    if (before != nullptr) n = before->count, (void)append_deferred(c, before);
  }
  if (n != 0) hooks.deferred(c, n, 0);
}

heir_scope::~heir_scope() {
  std::uint32_t n = 0;
  {
    transit in_hand(c_);
    gs_sheaf* heirs = change_runner(nullptr, nullptr);
    if (heirs != nullptr) n = heirs->count, append_heirs(c_, heirs);
  }
  if (n != 0) hooks.deferred(c_, n, 0);
}

namespace {

template <class F>
void each_local(F f) noexcept {
  for (std::uint32_t id = 1; id < cache_ids(); ++id)
    for (gs_local* l = cache_from_id(id)->locals; l != nullptr; l = l->next) f(*l);
}

}  // namespace

void hold_owners() noexcept {
  each_local(close_local);
  if (os::heavy_fence()) each_local(wait_until_quiet);
}

void release_owners() noexcept { each_local(reopen_local); }

void seize_rest(cache& c, spoils* out) noexcept {
  sync::lock_guard alone(c.seize_lock);
  sync::lock_guard hold(c.locals_lock);
  for (gs_local* l = c.locals; l != nullptr; l = l->next) {
    if (gs_load_relaxed(&l->closed) != 0) continue;
    close_local(*l);
    take_arrays(*l, seize_what::everything, out);
  }
}

void forget_locals(cache& c) noexcept {
  sync::lock_guard nobody_seizes(c.seize_lock);
  sync::lock_guard hold(c.locals_lock);
  // Their owners divide by it before they look whether the record is closed: what it was would lead
  // them astray in the slabs of the cache that gets this id next.
  for (gs_local* l = c.locals; l != nullptr; l = l->next)
    gs_store_relaxed(&l->inverse, std::uint64_t{0});
  c.locals = nullptr;
}

}  // namespace graceslab::slab
