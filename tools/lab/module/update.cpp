// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Updaters of the table: build it, replace and withdraw ranges, give up what left it.
#include <cstring>

#include "records.hpp"
#include "table.hpp"

namespace graceslab::lab::module {
namespace {

void free_record(rcu_head* head) {
  char* start = reinterpret_cast<char*>(head) - offsetof(record, head);
  kmem_cache_free(self.cache, start);
  gs_fetch_add_relaxed(&self.callbacks_ran, 1u);
}

void free_chunk(rcu_head* head) {
  kfree(reinterpret_cast<char*>(head) - offsetof(chunk, head));
  gs_fetch_add_relaxed(&self.callbacks_ran, 1u);
}

// What this approach allows: the status quo knows callbacks only, the type-safe one frees records
// at once.
how way_for(how wished, bool is_record) {
  if (self.options.approach == approach::rcu_barrier) return how::callback;
  if (self.options.approach == approach::linger_typesafe && is_record) return how::at_once;
  return wished;
}

void post(rcu_head* head, rcu_callback_t func) {
  gs_fetch_add_relaxed(&self.callbacks_posted, 1u);
  call_rcu(head, func);
}

void give_up(stripe& counts, record* r, how wished) {
  ++counts.handed_over;
  switch (way_for(wished, true)) {
    case how::retire:
      kfree_rcu(r, head);
      break;
    case how::callback:
      post(&r->head, free_record);
      break;
    case how::at_once:
      ++counts.freed_at_once;
      kmem_cache_free(self.cache, r);
      break;
  }
}

void give_up(stripe& counts, chunk* c, how wished) {
  ++counts.handed_over;
  if (way_for(wished, false) == how::callback)
    post(&c->head, free_chunk);
  else
    kfree_rcu(c, head);
}

stripe& stripe_of(std::size_t bucket) { return self.stripes[bucket % stripes]; }

// Where `first` stands among the entries, or where it belongs.
std::size_t position(const chunk& c, address first) {
  std::size_t i = 0;
  while (i < c.count && c.entries[i].first < first) ++i;
  return i;
}

record* make_record(const range& from) {
  record* r = static_cast<record*>(kmem_cache_alloc(self.cache, GFP_KERNEL));
  if (r != nullptr) write_record(r, from);
  return r;
}

chunk* copy_of(const chunk& old) {
  chunk* c = static_cast<chunk*>(kmalloc(sizeof(chunk), GFP_KERNEL));
  if (c != nullptr) std::memcpy(&c->count, &old.count, sizeof(chunk) - offsetof(chunk, count));
  return c;
}

// Takes the entry out; the record is the caller's, and readers may still hold it.
record* unlink(std::size_t index, how wished) {
  table* t = self.published;
  std::size_t b = index / chunk_ranges;
  chunk* old = rcu_dereference_protected(t->bucket[b], true);
  address first = self.options.ranges[index].first;
  std::size_t i = position(*old, first);
  if (i == old->count || !(old->entries[i].first == first)) return nullptr;
  chunk* next = copy_of(*old);
  if (next == nullptr) return nullptr;
  record* r = next->entries[i].rec;
  --next->count;
  std::memmove(&next->entries[i], &next->entries[i + 1], (next->count - i) * sizeof(entry));
  rcu_assign_pointer(t->bucket[b], next);
  give_up(stripe_of(b), old, wished);
  return r;
}

// The constructor of the type-safe cache: once per object, when its slab is made.
void construct(void* object) { static_cast<record*>(object)->version = 0; }

kmem_cache* make_cache(const start_options& o) {
  if (o.approach == approach::linger_typesafe)
    return kmem_cache_create(o.cache_name, sizeof(record), 0, SLAB_TYPESAFE_BY_RCU, construct);
  unsigned flags = o.approach == approach::fully_freed ? SLAB_DESTROY_ONCE_FULLY_FREED : 0u;
  return kmem_cache_create(o.cache_name, sizeof(record), 0, flags, nullptr);
}

bool fill(table* t, const start_options& o) {
  for (std::size_t i = 0; i < o.count; ++i) {
    std::size_t b = i / chunk_ranges;
    if (i % chunk_ranges == 0) {
      t->bucket[b] = static_cast<chunk*>(kmalloc(sizeof(chunk), GFP_KERNEL));
      if (t->bucket[b] == nullptr) return false;
      t->bucket[b]->count = 0;
      t->first[b] = o.ranges[i].first;
    }
    record* r = make_record(o.ranges[i]);
    if (r == nullptr) return false;
    chunk* c = t->bucket[b];
    c->entries[c->count++] = {o.ranges[i].first, r};
  }
  return true;
}

}  // namespace

state self;

bool build(const start_options& o) {
  self.options = o;
  self.cache = make_cache(o);
  table* t = static_cast<table*>(kzalloc(sizeof(table), GFP_KERNEL));
  if (self.cache == nullptr || t == nullptr) return false;
  t->buckets = (o.count + chunk_ranges - 1) / chunk_ranges;
  t->first = static_cast<address*>(kvzalloc(t->buckets * sizeof(address), GFP_KERNEL));
  t->bucket = static_cast<chunk**>(kvzalloc(t->buckets * sizeof(chunk*), GFP_KERNEL));
  if (t->first == nullptr || t->bucket == nullptr || !fill(t, o)) return false;
  rcu_assign_pointer(self.published, t);
  return true;
}

bool replace(std::size_t index) {
  std::size_t b = index / chunk_ranges;
  std::lock_guard<std::mutex> hold(stripe_of(b).lock);
  chunk* old = rcu_dereference_protected(self.published->bucket[b], true);
  record* r = make_record(self.options.ranges[index]);
  chunk* next = r != nullptr ? copy_of(*old) : nullptr;
  if (next == nullptr) {
    if (r != nullptr) kmem_cache_free(self.cache, r);
    return false;
  }
  address first = self.options.ranges[index].first;
  std::size_t i = position(*old, first);
  bool present = i < old->count && old->entries[i].first == first;
  record* before = present ? old->entries[i].rec : nullptr;
  if (!present) {
    std::memmove(&next->entries[i + 1], &next->entries[i], (next->count - i) * sizeof(entry));
    ++next->count;
  }
  next->entries[i] = {first, r};
  rcu_assign_pointer(self.published->bucket[b], next);
  give_up(stripe_of(b), old, how::retire);
  if (before != nullptr) give_up(stripe_of(b), before, how::retire);
  return true;
}

bool withdraw(std::size_t index) {
  std::size_t b = index / chunk_ranges;
  std::lock_guard<std::mutex> hold(stripe_of(b).lock);
  record* r = unlink(index, how::callback);
  if (r != nullptr) give_up(stripe_of(b), r, how::callback);
  return r != nullptr;
}

void* take(std::size_t index) {
  std::size_t b = index / chunk_ranges;
  std::lock_guard<std::mutex> hold(stripe_of(b).lock);
  record* r = unlink(index, how::retire);
  if (r != nullptr) ++stripe_of(b).handed_over;
  return r;
}

void give_up_all(table* t) {
  bool both = self.options.approach == approach::barrier_covers_retire;
  for (std::size_t b = 0; b < t->buckets; ++b) {
    chunk* c = t->bucket[b];
    if (c == nullptr) break;
    how wished = both && b % 2 != 0 ? how::callback : how::retire;
    for (std::size_t i = 0; i < c->count; ++i) give_up(stripe_of(b), c->entries[i].rec, wished);
    give_up(stripe_of(b), c, wished);
  }
  kvfree(t->first);
  kvfree(t->bucket);
  kfree(t);
}

}  // namespace graceslab::lab::module
