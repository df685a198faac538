// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A four-byte futex mutex with a rank. Not recursive; debug builds check that ranks only rise
// within a thread.
#pragma once
#include <cstdint>

namespace graceslab::sync {

// The one table of lock ranks: while holding one, only higher ones may be taken.
enum class rank : std::uint16_t {
  observe = 1,        // who serves the tool; held while its thread and its sockets come and go
  barrier = 2,        // one global retire barrier at a time per domain; held while it waits
  settle = 3,         // one run of a cache's destructors at a time
  owners = 5,         // table of shared objects and tokens
  domains = 8,        // table of domains
  teardown = 10,      // lists of lingering caches and tickets
  active = 12,        // the background thread's list of caches
  caches_lazy = 14,   // the size classes, made at first use
  caches = 15,        // ids and handles
  hazard_scan = 17,   // whoever looks at the hazard pointers
  hazards = 18,       // one list of what was retired under them
  threads = 20,       // thread registry
  seize = 24,         // who takes a cache's arrays over; several in the order of their addresses
  locals = 25,        // one cache's records of threads
  runners = 28,       // who is running callbacks
  shard = 30,         // one callback queue
  depot = 38,         // one share of a cache's barn; several of one cache in their order
  cache = 40,         // what they have in common
  slabs = 50,         // one cache's slabs
  grace_period = 55,  // start, scan, complete
  heap = 60,          // granules
  meta = 70,          // metadata arena
  leaf = 90,          // stack depot, small tables; nothing is taken under it
};

class mutex {
 public:
  constexpr explicit mutex(rank r) noexcept : rank_(r) {}
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;
  void lock() noexcept;
  bool try_lock() noexcept;
  void unlock() noexcept;
  // In a forked child: the lock was held by prepare() on this thread; drop it, whoever was queued
  // is gone.
  void reset_in_child() noexcept;

 private:
  std::uint32_t word_ = 0;  // 0 free, 1 held, 2 held with waiters
  rank rank_;
};

class lock_guard {
 public:
  explicit lock_guard(mutex& m) noexcept : m_(m) { m_.lock(); }
  ~lock_guard() { m_.unlock(); }
  lock_guard(const lock_guard&) = delete;
  lock_guard& operator=(const lock_guard&) = delete;

 private:
  mutex& m_;
};

}  // namespace graceslab::sync
