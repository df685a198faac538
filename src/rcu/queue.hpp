// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One queue of callbacks: batches of (head, function, owner) in arrays, or linked through the heads
// without memory.
//
// - Equations: done <= taken <= count; callbacks of a batch have the numbers [first, first +
//   count); complete <=> sealed and done == count; a complete batch is in no list.
// - Locking: everything in a shard is guarded by its lock; finished and posted are also read
//   without (claim 3).
// - Page: docs/ordering/callbacks.md
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

#include "rcu/handle.hpp"
#include "sync/mutex.hpp"

namespace graceslab::rcu {

struct entry {
  rcu_head* head;  // nullptr: claimed out of order; atomic
  rcu_callback_t func;
  void* owner;
};

struct batch {
  batch* next = nullptr;
  batch* prev = nullptr;
  std::uint64_t first = 0;
  std::uint64_t cookie = 0;
  std::uint64_t stamp_ms = 0;  // when the first one came in
  std::uint32_t count = 0;
  std::uint32_t taken = 0;
  std::uint32_t done = 0;
  std::uint32_t cursor = 0;  // arrays: everything before it was claimed
  bool sealed = false;
  bool holed = false;    // arrays: some were claimed out of order
  bool linked = false;   // no array: a chain through the heads
  bool in_list = false;  // linked: descriptor in use
  rcu_head* chain_first = nullptr;
  rcu_head* chain_last = nullptr;

  entry* entries() noexcept { return reinterpret_cast<entry*>(this + 1); }
};

inline constexpr std::size_t batch_bytes = 8192;
inline constexpr std::uint32_t batch_capacity = (batch_bytes - sizeof(batch)) / sizeof(entry);
inline constexpr unsigned linked_batches = 8;  // descriptors per shard, for times without memory
inline constexpr std::uint64_t never_ms = ~std::uint64_t{0};

struct runner;
struct those;

struct alignas(GS_CACHE_LINE) shard {
  sync::mutex lock{sync::rank::shard};
  batch* first = nullptr;
  batch* last = nullptr;
  std::uint64_t posted = 0;
  std::uint64_t finished = 0;
  batch* filling = nullptr;  // the one that takes more in; not always the last
  batch* joining = nullptr;  // the last one, sealed with room left: takes in what its cookie covers
  runner* granted = nullptr;   // who may begin callbacks without the lock (grant.hpp)
  std::uint64_t waiting = 0;   // in sealed batches, not claimed
  std::uint64_t pause_ms = 0;  // until then arrays grow old before they are sealed
  std::uint64_t due_ms =
      never_ms;  // when `filling` wants to be sealed; 0: sealed ones wait; read without the lock
  std::uint32_t removals = 0;  // batches that left the list: validates cursors
  batch* spare = nullptr;      // empty arrays for reuse
  std::uint32_t spares = 0;
  batch reserve[linked_batches];
};

// Linked callbacks do not know their owner: it may be anybody.
inline char unknown_owner_tag;
inline void* unknown_owner() noexcept { return &unknown_owner_tag; }

// What to claim: the oldest ready callback, or one of these only, or only up to a number.
struct wish {
  const those* of = nullptr;
  bool unready = false;  // before their grace period, not to be run; linked ones excepted
  std::uint64_t below = ~std::uint64_t{0};  // batches whose first number is smaller
};

// A place in a shard's list, so that claiming one after the other does not start from the front
// each time.
struct place {
  batch* at = nullptr;
  std::uint32_t index = 0;
  std::uint32_t removals = 0;
};

enum class posting { quiet, wake, closed, recheck, stale };

// Appends to a shard of that domain; `verified` is the closing generation for which the owner was
// found open. Stale: the handle was taken away, perhaps for a moment.
posting append(domain_ref r, shard& s, const entry& e, std::uint32_t verified, bool hurry) noexcept;
// ---- handing in for others (call.cpp) ----
// Queues what was marked before and whose owner was open then. Needs no memory, calls no user code.
void hand_in(gs_domain* d, const entry& e) noexcept;
// Seals what this thread has handed in, and wakes a worker.
void end_handing_in(gs_domain* d) noexcept;
// Runs up to `most`, those first; not inside sections and callbacks.
void run_handed_in(gs_domain* d, unsigned most) noexcept;
// For an owner that is closing, or a domain that is closed: runs it here, where the caller can wait
// and `runnable`, or reports it and leaks.
void turn_away(gs_domain* d, const entry& e, gs_report kind, const char* why,
               bool runnable) noexcept;

// Under the shard's lock. What comes later may join the sealed batch as long as its cookie covers
// it; `close`: nothing may, for the caller waits for the batch.
void seal(gs_domain* d, shard& s) noexcept;
// What came first after a pause is sealed at once, what comes soon after it waits for more.
void seal_aged(gs_domain* d, shard& s) noexcept;
void close(gs_domain* d, shard& s) noexcept;
bool claim(gs_domain* d, shard& s, const wish& w, place* where, entry* out, runner& r) noexcept;
// True: a batch completed, notify whoever waits. Its array may have become surplus: to be given
// back to the system without the lock, which who posts and who retires take.
bool finish(shard& s, runner& r, batch*& surplus) noexcept;
void give_back(batch*& surplus) noexcept;
void count_begun(shard& s, std::uint32_t n) noexcept;  // of those that waited
void count_finished(shard& s, std::uint32_t n) noexcept;
// The newest cookie of batches that may hold what is wished; seals them. False: nothing there.
bool newest_cookie(gs_domain* d, shard& s, const wish& w, std::uint64_t* cookie) noexcept;

// Without locks: never more of them finished than posted.
struct tally {
  std::uint64_t posted = 0;
  std::uint64_t finished = 0;
  std::uint64_t left() const noexcept { return posted - finished; }
};
tally count_callbacks(const gs_domain* d) noexcept;
std::uint64_t last_cookie(const shard& s) noexcept;  // no sealed batch has a later one
std::uint32_t count_queued(shard& s, const those& which) noexcept;
void shard_after_fork_in_child(gs_domain* d, shard& s) noexcept;

unsigned shard_count() noexcept;  // power of two, at least the cores online, at most shards_max
inline constexpr unsigned shards_max = 16;

// ---- the mark in a queued head (mark.cpp) ----
bool mark_queued(rcu_head* head) noexcept;  // false: it is queued already
void unmark(rcu_head* head) noexcept;
void link_head(rcu_head* head, rcu_callback_t func) noexcept;
void link_after(rcu_head* last, rcu_head* next) noexcept;
void mark_unlinked(rcu_head* head) noexcept;    // out of the chain, not yet running
bool is_linked(const rcu_head* head) noexcept;  // in the chain of some shard
rcu_head* linked_next(const rcu_head* head) noexcept;
rcu_callback_t linked_func(const rcu_head* head) noexcept;

}  // namespace graceslab::rcu
