// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The slots of all hazard pointers, in dense chunks, and the lists of what was retired.
//
// - Slots: claimed and freed as reader slots are; a thread keeps those of its hazard pointers that
//   ended, and gives them back when it ends itself.
// - Lists: sharded by the thread's number; linked through the heads, which are marked as queued
//   (rcu/queue.hpp). `first` is the oldest. One more has what exit waits for, and gets nothing
//   but by set_aside().
// - Locks: a shard's lock guards its list; scan_lock, taken before, whatever is between a list and
//   a queue of callbacks: who holds it sees every object in the one or the other.
#pragma once
#include "hazard/hazard.hpp"
#include "rcu/domain.hpp"

namespace graceslab::hazard {

extern gs_domain deleters;  // where they wait for their turn
extern sync::mutex scan_lock;

inline constexpr unsigned chunk_slots = 63;
struct slot_chunk {
  alignas(GS_CACHE_LINE) slot_chunk* next;
  gs_hazard_slot slot[chunk_slots];
};

extern slot_chunk* chunks;  // the newest one

inline slot_chunk* newest_chunk() noexcept {
  // ORDER hazard.walk <-> hazard.append   (docs/ordering/hazard-pointers.md, claim 5)
  return gs_load_acquire(&chunks);
}
template <class Use>
void for_each_slot(Use use) noexcept {
  for (slot_chunk* c = newest_chunk(); c; c = c->next)
    for (gs_hazard_slot& s : c->slot) use(s);
}

// What the slot names now, and all that was done under what it named before.
const void* look_at(const gs_hazard_slot& slot) noexcept;

struct list {
  gs_hazard_head* first = nullptr;
  gs_hazard_head* last = nullptr;
  std::uint64_t count = 0;
};
inline gs_hazard_head* next_of(const gs_hazard_head* h) noexcept {
  return reinterpret_cast<gs_hazard_head*>(h->head.gs_word[1]);
}
inline bool is_one(const gs_hazard_head& h, const those& which) noexcept {
  return which.has(h.owner, reinterpret_cast<const void*>(h.func), &h);
}
inline constexpr those any = {
    [](const void*, const void*, const void*, const void*) { return true; }, nullptr};
void append(list& l, gs_hazard_head* h) noexcept;
gs_hazard_head* take_first(list& l) noexcept;

struct alignas(GS_CACHE_LINE) shard {
  sync::mutex lock{sync::rank::hazards};
  list retired;
  std::uint64_t limit = 0;  // beyond it whoever retires scans; 0: the least
};
inline constexpr std::uint64_t limit_least = 64;
inline constexpr unsigned aside = rcu::shards_max;
extern shard shards[rcu::shards_max + 1];

void slots_before_fork() noexcept;
void slots_after_fork_in_child() noexcept;
void end_thread_slots(sync::thread_record& record) noexcept;

// ---- scan.cpp ----
bool unprotected(const gs_hazard_head* h) noexcept;  // one that is in no list
// Scans, and where this thread may wait runs what was handed in, also by others.
void scan_and_help() noexcept;
// Looks again before long, on a worker, while anything is retired.
void arm_poll() noexcept;
// After all locks: in a child the poll may be armed by a thread that is not here.
void disarm_poll_in_child() noexcept;
bool any_retired() noexcept;  // and not handed in; a hint
// All that is retired and not handed in goes to the list of that name: whatever others retire
// meanwhile, a wait for it comes to an end when the protectors let go.
void set_aside() noexcept;

}  // namespace graceslab::hazard
