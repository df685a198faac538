// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Who runs which callback right now. Records live on the running thread's stack, in one list under
// runners_lock.
#pragma once
#include <cstdint>

#include "rcu/queue.hpp"
#include "rcu/whose.hpp"
#include "sync/overdue.hpp"

namespace graceslab::rcu {

struct runner : sync::overdue_clock {  // by looks under runners_lock (stuck.hpp)
  runner* prev;
  runner* next;
  runner* outer;  // the record below it on the same stack
  gs_domain* domain;
  void* owner;            // of the running callback; written before it begins
  const void* head;       // what it was posted with
  const void* func;       // nullptr: between two callbacks
  std::uint64_t number;   // of this invocation; 0: it began while nobody settled (watch.hpp)
  batch* from;            // whose count it will settle; written under the shard's lock
  const entry* upcoming;  // the next one of the grant, nullptr: no grant; this thread's
  std::uint32_t tid;
  std::uint32_t
      waiting;  // nonzero: the callback sits in a barrier, and no other such callback waits for it
  std::uint32_t grant;  // what it may begin without the lock (grant.cpp); atomic
};

extern sync::mutex runners_lock;
extern runner* runners;
// This thread's newest record.
extern __thread runner* current_runner __attribute__((tls_model("initial-exec")));

// Links a record for the length of a scope.
class runner_scope {
 public:
  explicit runner_scope(gs_domain* d) noexcept;
  ~runner_scope();
  runner_scope(const runner_scope&) = delete;
  runner_scope& operator=(const runner_scope&) = delete;
  runner record;
};

// Marks all callbacks on this thread's stack as sitting in a barrier, for the length of a scope.
class waiting_scope {
 public:
  waiting_scope() noexcept { add(1); }
  ~waiting_scope() { add(-1); }
  waiting_scope(const waiting_scope&) = delete;
  waiting_scope& operator=(const waiting_scope&) = delete;

 private:
  static void add(int change) noexcept;
};

// What callbacks that have ended did, for a sanitizer.
void see_finished(gs_domain* d) noexcept;
// Runs up to `limit` wished callbacks of one shard; fewer, but one at least if one is ready, when
// others are at it as well. `keep_on` (may be null) is asked after each.
unsigned run_shard(gs_domain* d, shard& s, const wish& w, unsigned limit, bool (*keep_on)(void*),
                   void* arg) noexcept;
void run_entry(gs_domain* d, const entry& e) noexcept;  // with cancellation off
unsigned callback_depth() noexcept;                     // callbacks on this thread's stack

}  // namespace graceslab::rcu
