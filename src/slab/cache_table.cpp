// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ids and handles: records of 1024 bytes in one reserved range, never unmapped, reused oldest first.
//
// Invariants  T1 a handle is its record's address plus the record's generation (1 .. 1023), so a stale handle differs
//                from the present one until the id was reused 1023 times; ids rest among at least rest_ids others first.
//             T2 id 0 is never given out.
#include "slab/cache.hpp"

#include <new>

#include "os/pages.hpp"

namespace graceslab::slab {
namespace {

constexpr std::uint32_t ids_max = 1u << 20;
constexpr std::uint32_t rest_ids = 256;
constexpr std::uint32_t generations = cache_record_bytes - 1;
constexpr std::size_t commit_step = std::size_t{64} << 10;

constinit sync::mutex table_lock{sync::rank::caches};
char* table;             // reserved for ids_max records
std::size_t committed;
std::uint32_t ids = 1;   // ids below were given out at least once
cache* resting_head;
cache* resting_tail;
std::uint32_t resting;

bool table_ready() noexcept {
  if (table == nullptr)
    gs_store_release(&table, static_cast<char*>(os::reserve(std::size_t{ids_max} * cache_record_bytes,
                                                            cache_record_bytes)));
  return table != nullptr;
}

cache* fresh_record() noexcept {
  if (ids == ids_max) return nullptr;
  std::size_t end = (std::size_t{ids} + 1) * cache_record_bytes;
  if (end > committed) {
    if (!os::commit(table + committed, commit_step, 0)) return nullptr;
    committed += commit_step;
  }
  auto* c = ::new (table + std::size_t{ids} * cache_record_bytes) cache;
  c->id = ids;
  gs_store_release(&ids, ids + 1);
  return c;
}

cache* rested_record() noexcept {
  if (resting <= rest_ids) return nullptr;
  cache* c = resting_head;
  resting_head = c->next_free;
  --resting;
  // Whoever still looks through a stale pointer looks under one of these.
  sync::lock_guard locals(c->locals_lock);
  sync::lock_guard barn(c->lock);
  sync::lock_guard slabs(c->slabs_lock);
  static_cast<cache_fields&>(*c) = cache_fields{};
  return c;
}

}  // namespace

cache* cache_from_handle(const kmem_cache* handle) noexcept {
  auto value = reinterpret_cast<std::uintptr_t>(handle);
  auto offset = value - reinterpret_cast<std::uintptr_t>(table);
  if (GS_UNLIKELY(offset >= std::size_t{gs_load_relaxed(&ids)} * cache_record_bytes || table == nullptr))
    return nullptr;
  auto* c = reinterpret_cast<cache*>(value & ~std::uintptr_t{cache_record_bytes - 1});
  return GS_LIKELY(c->handle == value && c->id != 0) ? c : nullptr;
}

cache* cache_from_id(std::uint32_t id) noexcept {
  if (id == 0 || id >= gs_load_acquire(&ids)) return nullptr;
  return reinterpret_cast<cache*>(table + std::size_t{id} * cache_record_bytes);
}

std::uint32_t cache_ids() noexcept { return gs_load_acquire(&ids); }

cache* cache_new() noexcept {
  sync::lock_guard hold(table_lock);
  if (!table_ready()) return nullptr;
  cache* c = rested_record();
  if (c == nullptr) c = fresh_record();
  if (c == nullptr) {  // no memory for more: take one that has rested less
    if (resting == 0) return nullptr;
    std::uint32_t saved = resting;
    resting = rest_ids + 1;
    c = rested_record();
    resting = saved - 1;
  }
  c->generation = c->generation % generations + 1;
  sync::lock_guard with_locals(c->locals_lock);
  c->handle = reinterpret_cast<std::uintptr_t>(c) + c->generation;
  return c;
}

void cache_delete(cache& c) noexcept {
  sync::lock_guard hold(table_lock);
  gs_store_release(&c.stage, std::uint32_t{GS_STAGE_GONE});
  c.next_free = nullptr;
  if (resting == 0)
    resting_head = &c;
  else
    resting_tail->next_free = &c;
  resting_tail = &c;
  ++resting;
}

void table_lock_for_fork() noexcept { table_lock.lock(); }
void table_unlock_after_fork(bool child) noexcept {
  child ? table_lock.reset_in_child() : table_lock.unlock();
}

}  // namespace graceslab::slab
