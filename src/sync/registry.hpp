// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every thread that ever used the library: one record each, created at first use, handed on when
// the thread ends.
#pragma once
#include <graceslab/detail/local.h>
#include <graceslab/detail/reader.h>

#include <cstdint>

#include "sync/mutex.hpp"

namespace graceslab::sync {

struct thread_record {
  thread_record* next;  // registry list, under registry_lock
  struct gs_tls* tls;   // of the live thread; nullptr once it ended
  std::uint32_t tid;
  std::uint32_t number;  // small, dense, reused: picks shards
  void* readers;         // owned by rcu: the thread's slots in non-default domains
  void* locals;          // owned by slab: its directory of gs_local records
  std::uint32_t flags;
};

// The calling thread's record; created and armed for exit on first use. nullptr when memory ran out
// (callers have a way without one). Never called from a signal handler.
thread_record* this_thread() noexcept;

// False: the C library refused the hook at its end; its record is taken over at some time.
bool end_is_told(const thread_record& r) noexcept;

// Layers clean up behind a thread that ends: lower ranks first (reclaim 10, slab 20, rcu 30).
// Called on the ending thread; in a forked child also for every thread that did not survive (then
// `tls` is nullptr and nothing of that thread runs), after every layer's child() hook has reset its
// locks. No lock is held while they run.
void on_thread_end(int rank, void (*run)(thread_record&)) noexcept;

// What a thread without a slot and without caches points at. The nesting reads GS_NEST_MASK, and
// the record is closed for ever: every fast path goes out of line.
extern const gs_reader reader_dummy;
extern gs_local local_dummy;
// A thread's latest caches beyond its block, by the lower bits of their ids. The dummy has the
// other dummy in each place, and is never written.
struct far_table {
  gs_local* place[GS_TLS_FAR];
};
extern far_table far_dummy;

extern mutex registry_lock;
thread_record* registry_first() noexcept;  // walk with ->next under registry_lock
std::uint32_t threads_known() noexcept;

}  // namespace graceslab::sync
