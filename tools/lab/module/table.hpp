// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The module's data: a cache of records, and a lookup structure of chunks over them, both protected
// by RCU.
//
// - State:
//   - table: an array of chunk pointers, and the first address of each chunk (fixed for the
//     module's life);
//   - chunk: up to chunk_ranges sorted entries; never changed after it was published, but replaced;
//   - record: one range; of the module's own kmem_cache.
// - Equations: entry.first == entry.rec->first for every entry of a published chunk, but for a
//   type-safe cache, where the record may be another one by now: then the reader starts again.
// - Locks: stripe[bucket % stripes] excludes updaters of one bucket, and guards the stripe's
//   counts.
#pragma once
#include <graceslab/kernel/rcupdate.h>
#include <graceslab/kernel/slab.h>

#include <mutex>

#include "abi.hpp"

namespace graceslab::lab::module {

struct record {
  std::uint32_t
      version;  // odd while it is written; survives reuse (the constructor sets it, once per slab)
  std::int32_t country;
  address first;
  address last;
  rcu_head head;
};

struct entry {
  address first;
  record* rec;
};

// 20 entries make 504 bytes: one object of the 512-byte size class.
constexpr std::size_t chunk_ranges = 20;

struct chunk {
  rcu_head head;
  std::size_t count;
  entry entries[chunk_ranges];
};

struct table {
  std::size_t buckets;
  address* first;
  chunk** bucket;
};

// How an object that left the table is given up.
enum class how { retire, callback, at_once };

struct alignas(64) stripe {
  std::mutex lock;
  std::uint64_t handed_over = 0;
  std::uint64_t freed_at_once = 0;
};
constexpr std::size_t stripes = 64;

struct state {
  start_options options{};
  kmem_cache* cache = nullptr;
  table* published = nullptr;  // RCU
  std::uint64_t callbacks_posted = 0;
  std::uint64_t callbacks_ran = 0;
  stripe stripes[lab::module::stripes];
};
extern state self;

// Builds the whole table; false when memory runs out.
bool build(const start_options& options);
int lookup(address a);
bool replace(std::size_t index);
bool withdraw(std::size_t index);
void* take(std::size_t index);
// Gives up everything that is left of the table, which no reader can reach any more.
void give_up_all(table* t);
void stop(stop_result* result);
void misbehave(unsafe variant, unsafe_counts* counts);

}  // namespace graceslab::lab::module
