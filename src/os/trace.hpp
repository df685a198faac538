// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The trace: what happened last in this process, in rings of fixed size, one for a few cores each.
// Off unless GRACESLAB_TRACE or GRACESLAB_TRACE_FILE is set at start.
//
// - Full: the oldest goes. What is overwritten, or would have to wait for another writer, is lost
//   and counted.
// - Signals: a handler that interrupts a recording records beside it.
// - Fork: a child starts with empty rings, of its own.
// - Page: docs/ordering/trace.md
#pragma once
#include <cstddef>
#include <cstdint>

namespace graceslab::os {

enum class happening : std::uint32_t {
  none,
  gp_start,
  gp_end,
  stall,
  batch,
  callback_begin,
  callback_end,
  cache_create,
  slab_new,
  slab_release,
  retire,
  destroy_begin,
  destroy_wait,
  destroy_done,
  leak,
  count,
};
const char* name_of(happening what) noexcept;  // as the probe's

// Set at start, before any other thread can be in the library.
extern bool tracing;

struct told {
  happening what;
  const char* name;
  std::uint64_t number[4];
};
// Waits for nothing, allocates nothing, keeps errno; from anywhere. Only while tracing.
[[gnu::cold, gnu::noinline]] void record(const told& event) noexcept;

// What was recorded, as it is read back.
struct trace_entry {
  std::uint64_t ns;
  std::uint32_t thread;
  happening what;
  std::uint64_t number[4];
  char name[72];
};
// Goes through all rings, from the oldest on, while others record.
class trace_walk {
 public:
  // False: that was all of what was there when it came to the ring.
  bool next(trace_entry* out) noexcept;
  std::uint64_t lost() const noexcept { return lost_; }

 private:
  bool begin_ring() noexcept;

  bool begun_ = false;
  unsigned ring_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  std::uint64_t lost_ = 0;
};

// ---- GRACESLAB_TRACE_FILE ----
bool set_trace_file(const char* path) noexcept;  // false: too long
const char* trace_file() noexcept;               // "-": none

}  // namespace graceslab::os
