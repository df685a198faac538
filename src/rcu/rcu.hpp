// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the rcu layer offers to the layers above it. Knows nothing of slabs.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

#include "rcu/handle.hpp"
#include "sync/account.hpp"
#include "sync/mutex.hpp"

struct gs_domain;

namespace graceslab::rcu {

struct whose;
struct those;

// The default domain; never destroyed, usable before main.
gs_domain* default_domain() noexcept;

// ---- grace periods ----
// A cookie is the sequence number whose completion ends a full grace period. 0 is always done.
// Takes a full fence (an RMW on the sequence in sanitizer builds) and returns the cookie for all
// that went before.
std::uint64_t snapshot(gs_domain* d) noexcept;
// One acquire load: has it completed?
bool done(gs_domain* d, std::uint64_t cookie) noexcept;
// Never blocks: starts the grace period if nobody did and scans; returns done(). Skips when another
// thread is at it.
bool try_advance(gs_domain* d, std::uint64_t cookie) noexcept;
// Blocks until done (the caller drives), also while the system refuses every fence: then it
// reports (rcu/unproved.hpp) and goes on. False, and the cookie is *not* done: inside a reader of
// `d`, where it reports and waits for all but the caller's own section; and when a deadline_scope
// ended it.
bool wait(gs_domain* d, std::uint64_t cookie) noexcept;
// The same for callbacks and retired memory, which may leak: false as well, after some 50 ms, when
// every fence is refused.
bool wait_or_leak(gs_domain* d, std::uint64_t cookie) noexcept;

// Reports a reader that has held the oldest grace period back for too long. Whoever polls calls it
// now and then.
void check_stall(gs_domain* d) noexcept;

// Reports a callback or a destructor that has run for too long. Whoever waits for one calls it at
// least every look_ms(). True: some run.
bool look_for_stuck() noexcept;
std::uint64_t look_ms() noexcept;

// ---- where am I ----
unsigned reader_nesting(gs_domain* d) noexcept;  // of this thread
bool in_any_reader() noexcept;
bool in_callback() noexcept;  // this thread runs a callback (or an owner's destructor)
inline bool may_wait() noexcept { return !in_any_reader() && !in_callback(); }
const void* current_callback() noexcept;  // address of the function, or nullptr

// ---- callbacks ----
// Through a stale handle: reported, and not queued.
void call(domain_ref r, rcu_head* head, rcu_callback_t func, void* owner) noexcept;
void call_hurry(domain_ref r, rcu_head* head, rcu_callback_t func, void* owner) noexcept;
// In two halves. False: the head is queued already, which is reported.
bool claim_head(domain_ref r, rcu_head* head) noexcept;
void call_claimed(domain_ref r, rcu_head* head, rcu_callback_t func, void* owner) noexcept;
// Takes callbacks of this owner out of the queues before they run; false: none was there, perhaps
// because it runs.
bool withdraw(gs_domain* d, const void* owner) noexcept;
// Those that are queued and those that run. One that goes from the one place to the other meanwhile
// may count twice, and is never missed.
unsigned long count_pending(gs_domain* d, const those& which) noexcept;
void run_those(gs_domain* d, const those& which) noexcept;  // that are queued and ready
// Until none of them is queued, or runs on another thread; runs them past all that are ahead. They
// may not come without end. False: this thread's deadline passed, or no fence works.
bool wait_for_those(gs_domain* d, const those& which) noexcept;
// A callback of `d` is running on this thread.
bool in_callback_of(const gs_domain* d) noexcept;
void barrier(gs_domain* d) noexcept;  // callbacks only; misuse handled as R5 says
// The calling thread counts as one that waits in a barrier, for whoever looks.
class barrier_scope {
 public:
  explicit barrier_scope(gs_domain* d) noexcept;
  ~barrier_scope();
  barrier_scope(const barrier_scope&) = delete;
  barrier_scope& operator=(const barrier_scope&) = delete;

 private:
  gs_domain* domain_;
};
// A drain of this domain that does not come to an end names this function, which keeps it busy.
void note_endless(gs_domain* d, const void* function, std::uint64_t rounds) noexcept;
bool callbacks_pending(gs_domain* d) noexcept;
// A wait with a deadline could not leave a callback or a destructor that blocks: this thread has
// one, and there are workers (that are not below us on this stack) to leave them to.
bool left_to_workers() noexcept;
std::uint64_t callbacks_posted(gs_domain* d) noexcept;  // ever
// Marks code of an owner that runs outside the callback queues (destructors at harvest):
// in_callback() is true inside, and owner waits see it.
class owner_code {
 public:
  owner_code(gs_domain* d, void* owner, const void* function) noexcept;
  ~owner_code();
  owner_code(const owner_code&) = delete;
  owner_code& operator=(const owner_code&) = delete;

 private:
  void* record_[14];
};

// ---- domains ----
struct domain_totals {
  std::uint64_t retired = 0, reclaimed = 0;
};
std::uint32_t domain_id(const gs_domain* d) noexcept;
const char* domain_name(const gs_domain* d) noexcept;
gs_domain_options domain_options(const gs_domain* d) noexcept;
bool domain_closed(const gs_domain* d) noexcept;
void for_each_domain(void (*visit)(gs_domain*, void*),
                     void* arg) noexcept;  // no library lock held while it runs
// Who holds this domain's oldest grace period back: "thread 1234 (name), nesting 2, for at least 35
// ms". 0 = nobody.
std::size_t describe_blocker(gs_domain* d, char* text, std::size_t bytes) noexcept;

// Room in each domain for the layer above; rcu only keeps it.
struct upper_room {
  std::uint64_t pending_bytes = 0;  // retired and not reclaimed; atomic
  std::uint64_t over_limit = 0;     // atomic: times the limit was met
  std::uint64_t retired = 0;        // objects; atomic
  std::uint64_t reclaimed = 0;
  std::uint64_t runs = 0;      // of destructors that have ended; atomic
  std::uint64_t wanted = 0;    // cookie the background thread drives at
  std::uint64_t barriers = 0;  // odd while one runs; atomic
  sync::account memory;        // of the slabs and runs of its caches
  sync::mutex barrier_lock{sync::rank::barrier};
};
upper_room& room(gs_domain* d) noexcept;
std::uint64_t memory_limit(gs_domain* d) noexcept;  // bytes; 0: none
void limit_memory(gs_domain* d, std::uint64_t bytes) noexcept;

// ---- hooks that reclaim sets (rcu runs without them) ----
struct upper_hooks {
  void (*retire_barrier)(gs_domain*);  // A2, drain, close
  bool (*retires_pending)(gs_domain*);
  bool (*caches_alive)(gs_domain*);  // domain destroy
  domain_totals (*totals)(gs_domain*);
  void (*settle_owner)(const whose& owner);    // caches of an owner that goes
  void (*settle_retires)(const whose& owner);  // runs due destructors of its caches, which go on
};
void set_upper_hooks(const upper_hooks& hooks) noexcept;

// What is retired under hazard pointers, for whoever settles its owner. What is unprotected goes to
// a queue of callbacks and never back: look here first, then at the queues.
struct hazard_hooks {
  unsigned long (*count)(const those& which);
  void (*scan)();
  // Until nothing of it is protected; the owner is closing, so no more comes. Returns what had to
  // be taken out and leaked.
  unsigned long (*wait_for_protectors)(const whose& owner);
};
void set_hazard_hooks(const hazard_hooks& hooks) noexcept;
const hazard_hooks& hazards() noexcept;

}  // namespace graceslab::rcu
