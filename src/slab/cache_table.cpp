// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ids and handles: records of 1024 bytes in one reserved range, never unmapped, reused oldest
// first.
//
// Invariants  T1 a handle is its record's address plus the record's generation (1 .. 1023), so a
// stale handle differs
//                from the present one until the id was reused 1023 times; ids rest among at least
//                rest_ids others first.
//             T2 id 0 is never given out.
#include <new>

#include "os/pages.hpp"
#include "slab/cache.hpp"
#include "slab/depots.hpp"

namespace graceslab::slab {
namespace {

constexpr std::uint32_t ids_max = 1u << 20;
constexpr std::uint32_t rest_ids = 256;
constexpr std::uint32_t generations = cache_record_bytes - 1;
constexpr std::size_t commit_step = std::size_t{64} << 10;

constinit sync::mutex table_lock{sync::rank::caches};
std::size_t reserved;
std::size_t committed;
cache* resting_head;
cache* resting_tail;
std::uint32_t resting;

// Where address space is limited, room for fewer caches.
bool reserve_table() noexcept {
  constexpr std::size_t least = 16 * commit_step;
  const std::size_t limit = os::address_space_limit() / 16;
  std::size_t bytes = std::size_t{ids_max} * cache_record_bytes;
  while (bytes > limit && bytes > least) bytes /= 2;
  void* range = nullptr;
  for (; bytes >= least; bytes /= 2)
    if ((range = os::reserve(bytes, table_align)) != nullptr) break;
  reserved = bytes;
  table.start = reinterpret_cast<std::uintptr_t>(range);
  return range != nullptr;
}

bool table_ready() noexcept {
  if (table.start != 0) return true;
  settle_depot_count();
  return reserve_table();
}

cache* fresh_record() noexcept {
  std::size_t at = table.bytes != 0 ? table.bytes : cache_record_bytes;
  std::size_t end = at + cache_record_bytes;
  if (end > reserved) return nullptr;
  if (end > committed) {
    if (!os::commit(reinterpret_cast<char*>(table.start) + committed, commit_step, 0))
      return nullptr;
    committed += commit_step;
  }
  auto* c = ::new (reinterpret_cast<char*>(table.start) + at) cache;
  c->id = static_cast<std::uint32_t>(at / cache_record_bytes);
  if (!make_depots(*c)) return nullptr;
  // ORDER cache_table.grow <-> cache_table.find   (docs/ordering/publish.md, claim 3)
  gs_store_release(&table.bytes, end);
  return c;
}

cache* rested_record() noexcept {
  if (resting <= rest_ids) return nullptr;
  cache* c = resting_head;
  resting_head = c->next_free;
  --resting;
  // Whoever still looks through a stale pointer looks under one of these.
  sync::lock_guard locals(c->locals_lock);
  barn_hold barn(*c);
  sync::lock_guard slabs(c->slabs_lock);
  static_cast<cache_fields&>(*c) = cache_fields{};
  reset_depots(*c);
  return c;
}

}  // namespace

constinit cache_table table;

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
