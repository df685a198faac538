// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ids and handles: records of 1024 bytes in one reserved range, never unmapped, reused oldest
// first.
//
// - Invariants:
//   - T1 a handle is its record's address plus the record's generation: the lower ten bits of it in
//     those that the alignment leaves free, the upper sixteen above the 48 bits of an address.
//   - T2 id 0 is never given out.
//   - T3 a record whose generations are used up rests for good, so no handle ever names two caches.
//     Until then it rests behind at least rest_ids others.
#include <new>

#include "os/busted.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "slab/cache.hpp"
#include "slab/depots.hpp"

namespace graceslab::slab {
namespace {

constexpr std::uint32_t ids_max = 1u << 20;
constexpr std::uint32_t rest_ids = 256;
constexpr unsigned low_bits = 10;  // of a generation, where a record's address has zeros
constexpr unsigned high_bits = 16;
constexpr unsigned address_width = 64 - high_bits;
static_assert(cache_record_bytes == 1u << low_bits);
constexpr std::size_t commit_step = std::size_t{64} << 10;

constinit sync::mutex table_lock{sync::rank::caches};
std::size_t reserved;
std::size_t committed;
cache* resting_head;
cache* resting_tail;
std::uint32_t resting;

// Where the system gives out addresses beyond 48 bits, those below the alignment have to do.
void settle_handles(std::uintptr_t end) noexcept {
  const bool fits = end <= std::uintptr_t{1} << address_width;
  const std::uintptr_t address = fits ? (std::uintptr_t{1} << address_width) - 1 : UINTPTR_MAX;
  table.address_bits = address & ~(std::uintptr_t{cache_record_bytes} - 1);
  table.generations = (1u << (low_bits + (fits ? high_bits : 0))) - 1;
}

std::uintptr_t handle_for(const cache& c) noexcept {
  const std::uintptr_t low = c.generation % cache_record_bytes;
  const std::uintptr_t high = c.generation / cache_record_bytes;
  return reinterpret_cast<std::uintptr_t>(&c) | low | high << address_width;
}

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
  if (range != nullptr) settle_handles(table.start + bytes);
  return range != nullptr;
}

bool table_ready() noexcept {
  if (table.start != 0) return true;
  settle_depot_count();
  return reserve_table();
}

std::size_t next_record() noexcept { return table.bytes != 0 ? table.bytes : cache_record_bytes; }

// nullptr: not without asking the system first, or no address space is left.
cache* fresh_record(void*& depots) noexcept {
  const std::size_t at = next_record(), end = at + cache_record_bytes;
  if (end > committed || (depots == nullptr && several_depots())) return nullptr;
  auto* c = ::new (reinterpret_cast<char*>(table.start) + at) cache;
  c->id = static_cast<std::uint32_t>(at / cache_record_bytes);
  make_depots(*c, depots);
  depots = nullptr;
  // ORDER cache_table.grow <-> cache_table.find   (docs/ordering/publish.md, claim 3)
  gs_store_release(&table.bytes, end);
  return c;
}

void add_resting(cache& c) noexcept {
  c.next_free = nullptr;
  if (resting == 0)
    resting_head = &c;
  else
    resting_tail->next_free = &c;
  resting_tail = &c;
  ++resting;
}

// The one that rests longest, behind `others` at least, of those that nobody walks past any more.
cache* longest_rested(std::uint32_t others) noexcept {
  for (std::uint32_t left = resting; left > others; --left) {
    cache* c = resting_head;
    resting_head = c->next_free;
    --resting;
    // Who borrowed it did so under this lock, or finds that it is gone.
    sync::lock_guard locals(c->locals_lock);
    // ORDER cache_table.reuse <-> active.done   (docs/ordering/background.md, claim 6)
    if (gs_load_acquire(&c->walkers) == 0) return c;
    add_resting(*c);
  }
  return nullptr;
}

cache* rested_record(std::uint32_t others) noexcept {
  cache* c = longest_rested(others);
  if (c == nullptr) return nullptr;
  // Whoever still looks through a stale pointer looks under one of these.
  sync::lock_guard locals(c->locals_lock);
  barn_hold barn(*c);
  sync::lock_guard slabs(c->slabs_lock);
  static_cast<cache_fields&>(*c) = cache_fields{};
  // A thread that ends may still be on its way out of the record's last life.
  gs_store_relaxed(&c->touched, 0u);
  reset_depots(*c);
  return c;
}

}  // namespace

constinit cache_table table;

namespace {

bool used_up() noexcept {
  sync::lock_guard hold(table_lock);
  return table.start != 0 && table.bytes + cache_record_bytes > reserved && resting == 0;
}

}  // namespace

// A refused one takes records that have rested less.
cache* record_supply::take() noexcept {
  sync::lock_guard hold(table_lock);
  if (usable_ > committed) committed = usable_;
  cache* c = rested_record(os::busted(os::flaw::wide_windows) ? 0 : rest_ids);
  if (c == nullptr) c = fresh_record(depots_);
  if (c == nullptr && refused_) c = rested_record(0);
  if (c == nullptr) return nullptr;
  ++c->generation;
  sync::lock_guard with_locals(c->locals_lock);
  gs_store_relaxed(&c->handle, handle_for(*c));
  return c;
}

// What others bring meanwhile is found by the next take().
bool record_supply::more() noexcept {
  std::size_t from;
  bool usable;
  {
    sync::lock_guard hold(table_lock);
    const std::size_t end = next_record() + cache_record_bytes;
    if (!table_ready() || end > reserved) return false;
    from = committed;
    usable = end <= from;
  }
  if (depots_ == nullptr && several_depots() && (depots_ = depots_new()) == nullptr) return false;
  if (usable) return true;
  if (!os::commit(reinterpret_cast<char*>(table.start) + from, commit_step, 0)) return false;
  usable_ = from + commit_step;
  return true;
}

bool record_supply::ask() noexcept {
  if (refused_) return false;
  refused_ = !more();
  return true;
}

record_supply::~record_supply() {
  if (depots_ != nullptr) depots_drop(depots_);
}

cache* cache_new() noexcept {
  record_supply records;
  cache* c;
  do c = records.take();
  while (c == nullptr && records.ask());
  if (c == nullptr && used_up())
    os::report(GS_REPORT_NO_RECORD,
               "no cache can be created: each of the %zu records is a cache that exists, or has"
               " been as many as its handles can tell apart",
               reserved / cache_record_bytes - 1);
  return c;
}

void cache_delete(cache& c) noexcept {
  sync::lock_guard hold(table_lock);
  if (c.generation >= table.generations) return;
  add_resting(c);
}

// Under this lock a record starts afresh and gets its handle; what create() writes after that is
// there once the stage is open.
bool glimpse(cache& c, cache_glimpse* out) noexcept {
  sync::lock_guard hold(c.locals_lock);
  if (stage_of(c) == GS_STAGE_GONE) return false;
  *out = {c.handle, c.domain, c.owner, c.ctor, gs_load_relaxed(&c.dtor), c.size, c.stride, c.flags};
  return true;
}

loan::loan(cache& c, std::uintptr_t handle) noexcept {
  os::open_window();
  sync::lock_guard hold(c.locals_lock);
  if (stage_of(c) == GS_STAGE_GONE || c.handle != handle) return;
  (void)gs_fetch_add_relaxed(&c.walkers, 1u);
  lent_ = &c;
}

// ORDER active.done <-> cache_table.reuse   (docs/ordering/background.md, claim 6)
loan::~loan() {
  if (lent_ != nullptr) (void)gs_fetch_sub(&lent_->walkers, 1u);
}

void table_lock_for_fork() noexcept { table_lock.lock(); }
void table_unlock_after_fork(bool child) noexcept {
  child ? table_lock.reset_in_child() : table_lock.unlock();
}

}  // namespace graceslab::slab
