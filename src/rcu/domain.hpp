// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A universe of readers with its grace periods and callbacks.
//
// - Equations: under gp_lock: completed <= started, but of an unread domain;
//   hot->entry == GS_ENTRY(started).
// - Records: type-stable: never unmapped, reused oldest first, each life with a handle of its own
//   (rcu/handle.hpp).
#pragma once
#include <graceslab/detail/abi.h>

#include <cstdint>

#include "rcu/queue.hpp"
#include "rcu/rcu.hpp"
#include "rcu/readers.hpp"
#include "sync/event.hpp"
#include "sync/mutex.hpp"

namespace graceslab::rcu {

enum class life : std::uint32_t { live, gone };

struct stall_clock {           // guarded by gp_lock but for due_ms
  std::uint64_t since_ms = 0;  // the oldest pending grace period has been seen pending since then
  std::uint64_t due_ms = never_ms;  // next report; read without lock
  std::uint64_t reports = 0;
};

enum class lead_state : std::uint32_t { none, looks, sleeps };

struct gp_waiters {  // rcu/await.hpp
  std::uint32_t led = static_cast<std::uint32_t>(lead_state::none);
  std::uint32_t looks = 0;   // moves with every look at the readers; under gp_lock
  std::uint64_t wanted = 0;  // the newest cookie that somebody has slept for
  sync::event ended[2];      // by the lowest bit of the cookie
};

}  // namespace graceslab::rcu

struct gs_domain {
  constexpr explicit gs_domain(gs_domain_hot* h) noexcept : hot(h) {}

  gs_domain_hot* hot;
  graceslab::rcu::reader_chunk* chunks = nullptr;
  std::uintptr_t handle = 0;  // no_handle: gone, or somebody is just ending it; atomic
  std::uint32_t id = 0;
  std::uint32_t generation = 0;  // how many domains the record has been; under the table's lock
  std::uint32_t state = static_cast<std::uint32_t>(graceslab::rcu::life::live);
  std::uint32_t closed = 0;
  bool one_by_one = false;  // no runs (grant.hpp): who hands in has to find its share of what waits
  std::uint32_t barrier_waiters = 0;  // threads inside a barrier; atomic
  std::uint32_t drains = 0;           // running gs_domain_drain calls: note who re-arms
  const void* rearmed = nullptr;      // last function that a callback posted meanwhile
  std::uint64_t rearms = 0;
  char name[48] = "default";  // others are called something else when they begin
  gs_domain_options options = {};
  gs_domain* next = nullptr;  // list of all records; set once
  gs_domain* next_spare = nullptr;
  gs_domain_stats at_birth = {};  // what an earlier life of the record counted

  graceslab::rcu::overflow_counts overflow;

  // Calls that have the record on loan; atomic, outlives the domain.
  alignas(GS_CACHE_LINE) std::uint32_t lent = 0;
  alignas(GS_CACHE_LINE) std::uint64_t completed = 0;
  alignas(GS_CACHE_LINE) graceslab::sync::mutex gp_lock{graceslab::sync::rank::grace_period};
  bool scanned = true;        // the heavy fence of `started` succeeded
  std::uint64_t started = 0;  // takers of cookies read it without the lock
  graceslab::rcu::stall_clock stall;

  alignas(GS_CACHE_LINE) graceslab::rcu::gp_waiters waiters;
  graceslab::sync::event batch_done;  // a batch left a shard's list
  graceslab::rcu::shard shards[graceslab::rcu::shards_max];
  gs_domain_hot own_hot = {{}, GS_ENTRY(0), {}};
  alignas(GS_CACHE_LINE) graceslab::rcu::upper_room upper;
};

namespace graceslab::rcu {

extern gs_domain the_default_domain;
// The newest grace period.
inline std::uint64_t newest(const gs_domain* d) noexcept { return gs_load_relaxed(&d->started); }
gs_domain* first_domain() noexcept;  // walk with next_domain(); includes records that are gone
gs_domain* next_domain(const gs_domain* d) noexcept;
bool live(const gs_domain* d) noexcept;
const upper_hooks& upper() noexcept;
// Adds a static record of a domain that no reader enters, at start-up: there every cookie is done.
void add_unread_domain(gs_domain& d, const char* name) noexcept;
void lock_domains() noexcept;  // fork
void unlock_domains() noexcept;
void domains_after_fork_in_child() noexcept;

}  // namespace graceslab::rcu
