// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The registry of threads.
//
// - State:
//   - live: records of threads that run, in registry_list;
//   - spare: records of threads that ended, for reuse.
// - Owns: registry_lock (rank threads), the chunks, gs_tls.
// - Invariants:
//   - G1 record in the list <=> its thread has gs_tls.thread pointing at it (or is just ending).
//   - G2 records are never unmapped; a record keeps its number; numbers are 0 .. records ever
//     needed at once.
// - Memory: chunks of records straight from the system: registering calls no allocator.
#include "sync/registry.hpp"

#include <graceslab/detail/atomic.h>

#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/midway.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"

namespace graceslab::sync {

constinit const gs_reader reader_dummy = {GS_NEST_MASK};
constinit gs_local local_dummy = [] {
  gs_local local{};
  local.closed = 1;
  local.handle = ~std::uintptr_t{0};  // no cache's, so that nobody says busy in what all share
  return local;
}();
constinit far_table far_dummy = [] {
  far_table table{};
  for (gs_local*& place : table.place) place = &local_dummy;
  return table;
}();
constinit mutex registry_lock{rank::threads};

namespace {

// Never written: no fast path stores to a slot whose nesting reads GS_NEST_MASK.
constexpr gs_reader* unregistered = const_cast<gs_reader*>(&reader_dummy);

struct record : thread_record {
  record* previous;  // registry list
  record* spare;     // next one in the store of spare records
};

constexpr std::size_t chunk_bytes = std::size_t{16} << 10;
constexpr unsigned hooks_max = 8;
constexpr std::uint32_t flag_untold = 1;  // nobody will tell us when this thread ends

// Guarded by registry_lock.
record* first;
record* spares;
record* chunk;
std::uint32_t chunk_left;
std::uint32_t numbers;
std::uint32_t live;
std::uint32_t untold;  // records with that flag; also read without the lock

struct end_hook {
  int rank;
  void (*run)(thread_record&);
};
end_hook end_hooks[hooks_max];  // sorted; filled by static initialisers
unsigned end_hook_count;

record* take_spare() noexcept {
  record* r = spares;
  if (r) {
    spares = r->spare;
    return r;
  }
  if (chunk_left == 0) return nullptr;
  --chunk_left;
  r = chunk++;
  r->number = numbers++;
  return r;
}

void link(record* r) noexcept {
  r->previous = nullptr;
  r->next = first;
  if (first) first->previous = r;
  first = r;
  gs_store_relaxed(&live, live + 1);
}

// Under registry_lock.
void forget_untold(record* r) noexcept {
  if ((r->flags & flag_untold) == 0) return;
  r->flags &= ~flag_untold;
  gs_store_relaxed(&untold, untold - 1);
}

void unlink_and_spare(record* r) noexcept {
  forget_untold(r);
  auto* after = static_cast<record*>(r->next);
  if (after) after->previous = r->previous;
  if (r->previous)
    r->previous->next = after;
  else
    first = after;
  r->next = nullptr;
  r->tls = nullptr;
  r->spare = spares;
  spares = r;
  gs_store_relaxed(&live, live - 1);
}

bool has_ended(const record& r, std::uint32_t self) noexcept {
  return (r.flags & flag_untold) != 0 && (r.tid == self || !os::thread_alive(r.tid));
}

// Ours to take over; nullptr: none of those whose end nobody told has ended. A new thread may have
// the number of one.
record* take_ended(std::uint32_t self) noexcept {
  lock_guard guard(registry_lock);
  for (record* r = first; r; r = static_cast<record*>(r->next)) {
    if (!has_ended(*r, self)) continue;
    r->tls = nullptr;  // its memory is gone
    forget_untold(r);
    return r;
  }
  return nullptr;
}

void note_untold(record* r) noexcept {
  lock_guard guard(registry_lock);
  r->flags |= flag_untold;
  gs_store_relaxed(&untold, untold + 1);
}

void run_end_hooks(thread_record& r) noexcept {
  for (unsigned i = 0; i < end_hook_count; ++i) end_hooks[i].run(r);
}

// As in a forked child: the threads are not here.
void take_over_ended() noexcept {
  while (record* r = take_ended(os::tid())) {
    run_end_hooks(*r);
    lock_guard guard(registry_lock);
    unlink_and_spare(r);
  }
}

// Takes *fresh in when there is need of it, and a record for this thread, if there is one.
record* take_record(record** fresh, std::uint32_t tid) noexcept {
  lock_guard guard(registry_lock);
  if (*fresh && chunk_left == 0) {
    chunk = *fresh;
    chunk_left = chunk_bytes / sizeof(record);
    *fresh = nullptr;
  }
  record* r = take_spare();
  if (!r) return nullptr;
  r->tls = &gs_tls;
  r->tid = tid;
  r->readers = r->locals = nullptr;
  r->flags = 0;
  link(r);
  return r;
}

// The system is asked for more with no lock held.
[[gnu::noinline]] thread_record* register_thread() noexcept {
  os::keep_errno keep;
  if (GS_UNLIKELY(gs_load_relaxed(&untold) != 0)) take_over_ended();
  const auto tid = os::tid();
  record* fresh = nullptr;
  record* r;
  {
    os::midway_scope known_by_the_list_only;
    while (!(r = take_record(&fresh, tid)))
      if (!(fresh = static_cast<record*>(os::map(chunk_bytes, GS_FAULT_META)))) return nullptr;
    gs_tls.thread = r;
  }
  if (fresh) os::unmap(fresh, chunk_bytes);
  if (!os::arm_thread_exit(r)) note_untold(r);
  return r;
}

void forget_everything() noexcept {
  gs_tls.reader = unregistered;
  for (gs_local*& local : gs_tls.local) local = &local_dummy;
  gs_tls.far = far_dummy.place;
  gs_tls.thread = nullptr;
}

// A destructor that comes later may use the library again: it finds the dummies, registers and is
// armed anew.
void end_thread(void* value) noexcept {
  auto* r = static_cast<record*>(value);
  run_end_hooks(*r);
  os::midway_scope spare_but_ours;
  {
    lock_guard guard(registry_lock);
    unlink_and_spare(r);
  }
  forget_everything();
}

// Before the lock: a hook that comes later may call this_thread().
void before_fork() noexcept {
  this_thread();
  registry_lock.lock();
}

void after_fork_in_parent() noexcept { registry_lock.unlock(); }

void after_fork_in_child() noexcept {
  registry_lock.reset_in_child();
  if (gs_tls.thread) static_cast<thread_record*>(gs_tls.thread)->tid = os::tid();
}

// The last hook of a child: every lock has been reset, so the end hooks may take any.
void adopt_dead_threads() noexcept {
  for (record* r = first; r;) {
    auto* after = static_cast<record*>(r->next);
    if (r != gs_tls.thread) {
      r->tls = nullptr;
      run_end_hooks(*r);
      lock_guard guard(registry_lock);
      unlink_and_spare(r);
    }
    r = after;
  }
}

[[gnu::constructor(103)]] void start_registry() noexcept {
  constexpr int before_all = 0;
  os::on_thread_exit(end_thread);
  os::on_fork({before_all, nullptr, nullptr, adopt_dead_threads});
  os::on_fork(
      {static_cast<int>(rank::threads), before_fork, after_fork_in_parent, after_fork_in_child});
}

}  // namespace

thread_record* this_thread() noexcept {
  void* known = gs_tls.thread;
  return GS_LIKELY(known != nullptr) ? static_cast<thread_record*>(known) : register_thread();
}

bool end_is_told(const thread_record& r) noexcept { return (r.flags & flag_untold) == 0; }

void on_thread_end(int rank, void (*run)(thread_record&)) noexcept {
  if (end_hook_count == hooks_max) os::panic("too many thread-end hooks");
  unsigned at = end_hook_count++;
  for (; at > 0 && end_hooks[at - 1].rank > rank; --at) end_hooks[at] = end_hooks[at - 1];
  end_hooks[at] = {rank, run};
}

thread_record* registry_first() noexcept { return first; }

std::uint32_t threads_known() noexcept { return gs_load_relaxed(&live); }

}  // namespace graceslab::sync

#define GS_L &graceslab::sync::local_dummy
#define GS_8L GS_L, GS_L, GS_L, GS_L, GS_L, GS_L, GS_L, GS_L
constinit __thread struct gs_tls gs_tls __attribute__((tls_model("initial-exec"))) = {
    graceslab::sync::unregistered,
    {GS_8L, GS_8L, GS_8L, GS_8L},
    nullptr,
    graceslab::sync::far_dummy.place,
};
#undef GS_8L
#undef GS_L
static_assert(GS_TLS_CACHES == 32, "one initialiser per entry above");
