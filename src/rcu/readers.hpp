// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where threads announce themselves: slots in dense chunks, and counters for threads that got no
// slot.
//
// - State: chunk: a header line and 63 slots, one line each. A slot belongs to one thread and one
//   record of a domain until the thread ends. Chunks are never unmapped.
// - Equations: inside a section <=> nesting(slot) != 0; extra != 0 => the word's nesting is
//   GS_NEST_MASK; awaited => the section is 1 + extra levels deep.
// - Pages: docs/ordering/grace-period.md, docs/ordering/overflow-readers.md
#pragma once
#include <graceslab/detail/local.h>
#include <graceslab/detail/reader.h>

#include <cstdint>

#include "rcu/handle.hpp"
#include "sync/registry.hpp"

struct gs_domain;

namespace graceslab::rcu {

struct alignas(GS_CACHE_LINE) reader_slot {
  gs_reader reader;
  std::uint32_t in_use;
  std::uint32_t tid;
  std::uint32_t extra;           // levels that the word does not count
  std::uint32_t waiting_inside;  // its thread waits for the others inside its own section
  reader_slot* next_of_thread;
  gs_domain* domain;
  std::uintptr_t handle;  // of the domain that its thread entered last in this record; atomic
};
static_assert(sizeof(reader_slot) == GS_CACHE_LINE);

inline constexpr unsigned chunk_slots = 63;

struct reader_chunk {
  alignas(GS_CACHE_LINE) reader_chunk* next;
  std::uint64_t busy;  // under gp_lock: slots in the way of the grace period `started`
  reader_slot slot[chunk_slots];
};
static_assert(sizeof(reader_chunk) == 64 * GS_CACHE_LINE);

// One look after the other at the counters: every number to `floor` is free of overflow readers.
struct overflow_look {
  std::uint32_t unseen = 0;  // bit per counter not yet seen empty, for `target`
  std::uint64_t target = 0;
  std::uint64_t floor = 0;
};

// Readers without a slot; see docs/ordering/overflow-readers.md.
struct alignas(GS_CACHE_LINE) overflow_counts {
  // Indices: two for threads with a table entry, one for those without, two for tokens.
  static constexpr unsigned untracked = 2, tokens = 3, counters = 5;
  // Low half: sections. High half: of these, those whose thread waits for the others inside them.
  std::uint64_t count[counters] = {};
  std::uint32_t phase = 0;
  std::uint32_t inside = 0;  // waits inside sections, whether these are counted or have slots
  overflow_look of_all;      // empty: no section
  overflow_look of_others;   // empty: no section but those that wait inside themselves
};

inline std::uint32_t sections_in(std::uint64_t count) noexcept {
  return static_cast<std::uint32_t>(count);
}
inline std::uint32_t waiting_in(std::uint64_t count) noexcept {
  return static_cast<std::uint32_t>(count >> 32);
}

inline std::uint32_t nesting_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word) & GS_NEST_MASK;
}

inline constexpr unsigned seq_bits = 63 - GS_SEQ_SHIFT;

// Somebody sleeps until this section ends (rcu/await.hpp).
inline bool is_awaited(std::uint64_t word) noexcept { return (word & GS_AWAITED) != 0; }
inline constexpr std::uint64_t awaited(std::uint64_t word) noexcept {
  return word | GS_AWAITED | GS_NEST_MASK;
}

inline std::uint32_t levels_of(std::uint64_t word, std::uint32_t extra) noexcept {
  return (is_awaited(word) ? 1 : nesting_of(word)) + extra;
}

// How much older than S the sequence in a busy word is; 0 = not in the way.
inline std::uint64_t age_of(std::uint64_t word, std::uint64_t s) noexcept {
  constexpr std::uint64_t mask = (std::uint64_t{1} << seq_bits) - 1;
  return (s - (word >> GS_SEQ_SHIFT)) & mask;
}

// Did a section with this word begin before grace period S? Others start grace periods meanwhile: a
// section that carries a later number began after S.
inline bool began_before(std::uint64_t word, std::uint64_t s) noexcept {
  constexpr std::uint64_t half = std::uint64_t{1} << (seq_bits - 1);
  const std::uint64_t age = age_of(word, s);
  return age != 0 && age < half;
}

// ---- slots ----
reader_slot* own_slot(const gs_domain* d) noexcept;  // of this thread, or nullptr
void enter(domain_ref r) noexcept;
void leave(domain_ref r) noexcept;
unsigned levels_held(domain_ref r) noexcept;  // of this thread; 0 through a stale handle
std::uint32_t registered_slots(const gs_domain* d) noexcept;
// Sections of that domain that are open now, in slots and counters, after a fence: whoever is not
// counted finds that the handle was taken away. False: the system refuses every fence.
bool count_readers(domain_ref r, std::uint32_t* inside) noexcept;
void end_thread_sections(sync::thread_record& record) noexcept;
void readers_after_fork_in_child() noexcept;

// ---- overflow ----
void overflow_enter(gs_domain* d) noexcept;
bool overflow_leave(gs_domain* d) noexcept;  // false: this thread has no entry for `d`
bool overflow_leave_untracked(
    gs_domain* d) noexcept;  // for threads with more sections than entries
bool overflow_tracked(const gs_domain* d) noexcept;
std::uint32_t overflow_nesting(const gs_domain* d) noexcept;
bool overflow_anywhere() noexcept;
// Both under gp_lock. The second: have all sections of before `s` left but those that wait inside?
std::uint64_t overflow_floor(overflow_counts& o, std::uint64_t newest) noexcept;
bool overflow_others_left(overflow_counts& o, std::uint64_t s, std::uint64_t newest) noexcept;
// This thread's section waits inside itself from now on; returns its counter, or -1 when it has a
// slot.
int overflow_say_waiting(gs_domain* d) noexcept;
void overflow_say_done(gs_domain* d, int counter) noexcept;
void end_overflow_sections() noexcept;
void overflow_after_fork_in_child(gs_domain* d) noexcept;

// ---- tokens: sections of no thread ----
inline constexpr int no_token = -1;
int enter_by_token(domain_ref r) noexcept;  // no_token: the handle is stale, which is reported
void leave_by_token(domain_ref r, int token) noexcept;
// The two halves of them that know no handles. False: nobody is inside.
int token_enter(gs_domain* d) noexcept;
bool token_leave(gs_domain* d, int token) noexcept;

}  // namespace graceslab::rcu
