// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Between the host of the laboratory and the shared object that it loads, uses, tears down and
// unloads.
//
// The host hands in the table, the module hands out functions. Nothing of the module may be called,
// or referred to by a reader, once stop() has been called and a grace period has passed since the
// host withdrew the pointer to it.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

namespace graceslab::lab {

// 128 bits, most significant half first. IPv4 addresses are mapped: ::ffff:a.b.c.d.
struct address {
  std::uint64_t high;
  std::uint64_t low;
  friend constexpr bool operator==(const address& a, const address& b) = default;
  friend constexpr bool operator<(const address& a, const address& b) {
    return a.high != b.high ? a.high < b.high : a.low < b.low;
  }
};

struct range {
  address first;
  address last;  // inclusive
  std::uint16_t country;
};

// The approaches of "Waiting for kfree_rcu()", in the order of CONTRACT section 4.
enum class approach {
  rcu_barrier,
  barrier_covers_retire,
  kfree_rcu_barrier,
  linger,
  linger_typesafe,
  destroy_rcu,
  free_barrier,
  destroy_wait,
  destroy_cookie,
  fully_freed,
};

// What modules do that do not know better.
enum class unsafe {
  no_wait,
  synchronize_rcu,
  synchronize_rcu_three_times,
  fifo_call_rcu,
  leak,
  rearm,
  synchronize_rcu_idle,
};

struct start_options {
  const range* ranges;  // sorted, without overlap; outlives the module
  std::size_t count;
  lab::approach approach;
  const char* cache_name;
};

struct stop_result {
  std::uint64_t began_ns;    // CLOCK_MONOTONIC, when the teardown of the cache began
  std::uint64_t destroy_ns;  // how long it held its caller
  std::uint64_t
      in_flight;  // objects of the module's cache waiting for a grace period at that moment
  std::uint64_t
      handed_over;  // objects given up in the module's life: retired, posted or freed at once
  std::uint64_t freed_at_once;
  int code;  // what the waiting forms returned; 0 is good
};

// Counts in the host's memory, since the module's may be gone when they are read.
struct unsafe_counts {
  std::uint64_t posted;
  std::uint64_t ran;
  std::uint64_t queued_at_return;  // when the wait that the module trusted had returned
};

constexpr int not_found = -1;
constexpr int reused_early =
    -2;  // a record changed under a reader that a grace period should have protected

struct module_api {
  // 0, or -1 when memory runs out. `start` and `stop` once each, by one thread.
  int (*start)(const start_options* options);
  // The country of an address. Inside a read-side section, from any thread.
  int (*lookup)(address a);
  // Puts a new record in place of that of range `index`, or puts it back when it was withdrawn.
  // False: no memory.
  bool (*replace)(std::size_t index);
  bool (*withdraw)(std::size_t index);
  // Takes the record out of the table and gives it to the caller, who frees it by its pointer
  // alone. nullptr: none.
  void* (*take)(std::size_t index);
  void (*stop)(stop_result* result);

  void (*misbehave)(unsafe variant, unsafe_counts* counts);
};

// The one symbol that the module exports.
using module_entry = const module_api* (*)();
constexpr const char* module_entry_name = "lab_module_entry";

}  // namespace graceslab::lab
