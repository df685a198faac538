// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One mapping: a line for the head of each ring, then their slots.
#include "os/trace.hpp"

#include <graceslab/detail/config.h>
#include <sched.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "os/ring.hpp"
#include "os/thread.hpp"

namespace graceslab::os {

constinit bool tracing = false;

namespace {

constexpr unsigned record_words = 15;
using trace_ring = ring<record_words>;
using packed = ring_record<record_words>;
constexpr unsigned name_at = 6;  // the word
static_assert(sizeof(trace_ring::slot) == 128);
static_assert((record_words - name_at) * sizeof(std::uint64_t) == sizeof trace_entry::name);

constexpr unsigned rings_most = 64;
constexpr std::uint64_t slots_least = 32;  // of a ring
constexpr std::uint64_t usual_bytes = std::uint64_t{4} << 20;

struct alignas(GS_CACHE_LINE) head_line {
  std::uint64_t next;
};

// Set at start and never again.
char* memory;
std::size_t memory_bytes;
unsigned rings;
std::uint64_t slots;  // of each

constexpr std::size_t heads_bytes = rings_most * sizeof(head_line);

trace_ring ring_at(unsigned index) noexcept {
  auto* heads = reinterpret_cast<head_line*>(memory);
  auto* first = reinterpret_cast<trace_ring::slot*>(memory + heads_bytes);
  return {&heads[index].next, first + index * slots, slots};
}

constexpr const char* names[] = {"none",         "gp_start",       "gp_end",       "stall",
                                 "batch",        "callback_begin", "callback_end", "cache_create",
                                 "slab_new",     "slab_release",   "retire",       "destroy_begin",
                                 "destroy_wait", "destroy_done",   "leak"};
static_assert(sizeof names / sizeof names[0] == static_cast<unsigned>(happening::count));

void start(std::uint64_t bytes) noexcept {
  rings = std::min(std::bit_ceil(cores_online()), rings_most);
  slots = std::max(std::bit_floor(bytes / rings / sizeof(trace_ring::slot)), slots_least);
  memory_bytes = heads_bytes + rings * slots * sizeof(trace_ring::slot);
  memory = static_cast<char*>(map(memory_bytes, GS_FAULT_META));
  if (memory == nullptr)
    return report(GS_REPORT_NO_MEMORY, "nothing is traced: the system refuses %zu bytes for it",
                  memory_bytes);
  tracing = true;
}

void start_empty_in_child() noexcept {
  if (tracing) discard(memory, memory_bytes);
}

[[gnu::constructor(102)]] void start_trace() noexcept {
  std::uint64_t bytes = gs_load_relaxed(&settings.trace);
  if (bytes == 0 && trace_file()[0] != '-') bytes = usual_bytes;
  if (bytes == 0) return;
  start(bytes);
  on_fork({fork_rank_trace, [] {}, [] {}, start_empty_in_child});
}

}  // namespace

const char* name_of(happening what) noexcept {
  return names[what < happening::count ? static_cast<unsigned>(what) : 0];
}

void record(const told& event) noexcept {
  keep_errno keep;
  packed r = {};
  r.word[0] = static_cast<std::uint64_t>(event.what) | std::uint64_t{tid()} << 32;
  r.word[1] = now_ns();
  std::memcpy(r.word + 2, event.number, sizeof event.number);
  auto* name = reinterpret_cast<char*>(r.word + name_at);
  std::memcpy(name, event.name, strnlen(event.name, sizeof trace_entry::name - 1));
  const int core = sched_getcpu();
  ring_at(core < 0 ? 0 : static_cast<unsigned>(core) & (rings - 1)).put(r);
}

bool trace_walk::begin_ring() noexcept {
  if (ring_ == rings) return false;
  end_ = ring_at(ring_).end();
  at_ = end_ > slots ? end_ - slots : 0;
  lost_ += at_;
  return true;
}

bool trace_walk::next(trace_entry* out) noexcept {
  if (!tracing || ring_ == rings) return false;
  if (!begun_) begun_ = begin_ring();
  for (;;) {
    while (at_ != end_) {
      packed r;
      if (!ring_at(ring_).get(at_++, &r)) {
        ++lost_;
        continue;
      }
      out->what = static_cast<happening>(static_cast<std::uint32_t>(r.word[0]));
      out->thread = static_cast<std::uint32_t>(r.word[0] >> 32);
      out->ns = r.word[1];
      std::memcpy(out->number, r.word + 2, sizeof out->number);
      std::memcpy(out->name, r.word + name_at, sizeof out->name);
      out->name[sizeof out->name - 1] = '\0';
      if (out->what != happening::none && out->what < happening::count) return true;
      ++lost_;  // forked in the middle of recording it
    }
    ++ring_;
    if (!begin_ring()) return false;
  }
}

}  // namespace graceslab::os
