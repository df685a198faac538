// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ending a cache: open, closing, draining, gone. The table of legal moves and the claims:
// docs/ordering/teardown.md
#pragma once
#include "hazard/hazard.hpp"
#include "os/futex.hpp"
#include "os/report.hpp"
#include "reclaim/reclaim.hpp"

namespace graceslab::teardown {

using cookie = std::uint64_t;  // ticket << id_bits | id; 0 is always done
inline constexpr unsigned id_bits = 20;

// Who destroys, and where: taken before any lock; and what: the cache of that handle, which may
// have ended by the time the lock is held, and its record be another's.
struct caller {
  const void* site;
  std::uint32_t stack;
  std::uintptr_t handle;
};

struct tally {
  std::uint64_t live;       // allocated and not retired
  std::uint64_t in_flight;  // retired and not home
  std::uint64_t leaked;     // given up after misuse
  std::uint64_t unborn;     // their constructor runs
};

// ---- close.cpp ----
// open -> closing -> draining. False: `who` does not name an open cache any more. Afterwards `t`
// says what is out.
bool close(slab::cache& c, const caller& who, cookie* ticket, tally* t) noexcept;
void report_stale(const caller& who) noexcept;
// What is out, at a moment when nobody has objects in hand: exact once closed. Waits for those who
// have.
tally count(slab::cache& c) noexcept;
// The same of an open cache that no other thread has arrays of; false: one has, or is at it.
bool count_unused(slab::cache& c, tally* t) noexcept;
// The same without waiting: what is in somebody's hand looks allocated.
tally glance(slab::cache& c) noexcept;

// ---- finish.cpp ----
// draining -> gone if everything is home. True when this call or another one did it.
bool finish_if_home(slab::cache& c) noexcept;
bool all_home(slab::cache& c) noexcept;  // nothing is out, though perhaps not finished yet
// Brings home what is due now, then finish_if_home().
bool settle(slab::cache& c) noexcept;

// ---- linger.cpp ----
extern sync::mutex lingering_lock;               // rank teardown
void add_lingering(slab::cache& c) noexcept;     // under lingering_lock
void remove_lingering(slab::cache& c) noexcept;  // under lingering_lock
slab::cache* first_lingering() noexcept;         // under lingering_lock
cookie cookie_of(const slab::cache& c) noexcept;
// nullptr: done. `handle` (may be null) is for borrowing it.
slab::cache* find_lingering(cookie k, std::uintptr_t* handle = nullptr) noexcept;
bool ever_given(cookie k) noexcept;    // false: no destroy returned it
std::uint32_t home_ticket() noexcept;  // moves whenever a cache is gone or splatted
void wait_for_change(std::uint32_t ticket, std::uint64_t timeout_ms) noexcept;
void notify_change() noexcept;
// How often whoever waits for a constructor looks at it; its return is told by notify_change().
inline constexpr std::uint64_t constructor_look_ms = 50;

// ---- protectors.cpp: objects of the cache that are retired under hazard pointers ----
// Whoever counts them does so before he counts what is out: what ends meanwhile is then not missed.
hazard::those retired_in(const slab::cache& c) noexcept;
// Until none is left, and their deleters have returned; a protector that stays is named. False:
// this thread protects one itself, which is reported, or its deadline passed. Of a cache that stays
// open at exit, only those that have been retired by now.
bool wait_for_protectors(slab::cache& c, bool stays_open) noexcept;
void add_protector(const slab::cache& c, os::draft& text) noexcept;

// ---- leak.cpp ----
void report_objects_at_destroy(slab::cache& c, const tally& t, bool retired_too) noexcept;
// Splats when the limit passed; returns ms until the next look at this cache.
std::uint64_t splat_if_due(slab::cache& c, std::uint64_t now_ms) noexcept;

// ---- the approaches ----
void destroy(slab::cache& c, int policy, const caller& who,
             cookie* k) noexcept;  // linger or report
cookie destroy_rcu(slab::cache& c, const caller& who) noexcept;
int destroy_wait(slab::cache& c, const caller& who, bool quiet, cookie* k) noexcept;
int destroy_barrier() noexcept;
int destroy_barrier_one(cookie k) noexcept;
int free_barrier(slab::cache& c) noexcept;
void retire_barrier(gs_domain* d) noexcept;
// In a signal handler that interrupted the library, or in the exit() that it called: no destroy.
bool refuse_midway() noexcept;
int destroy_by(slab::cache& c, int policy, const caller& who, cookie* k) noexcept;

void late_free(slab::cache& c, void* object, const void* site) noexcept;
std::uint64_t tend_draining(slab::cache& c,
                            std::uint64_t now_ms) noexcept;  // 0: gone; else ms until the next look
void settle_owner(const rcu::whose& owner) noexcept;
void settle_retires(const rcu::whose& owner) noexcept;

}  // namespace graceslab::teardown
