// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for chosen callbacks of a domain, past others that are ahead in the queue.
// Page: docs/ordering/callbacks.md, claims 5 and 14
#pragma once
#include "rcu/queue.hpp"
#include "rcu/whose.hpp"

namespace graceslab::rcu {

// What is queued of them in one domain now; that is sealed.
struct queued_now {
  std::uint64_t below[shards_max];
  unsigned most[shards_max];  // callbacks of a shard, others' too: a round ends, whatever they post
  std::uint64_t cookie = 0;
  bool any = false;
};
queued_now look_at_queue(gs_domain* d, const those& which) noexcept;
// What was seen there and is ready; how many.
unsigned run_queued(gs_domain* d, const those& which, const queued_now& q) noexcept;

// One of them that another thread runs and that began with invocation `number` or before
// (watch.hpp); of all domains when `d` is nullptr. One that sits in a barrier waits for us, when we
// are inside one ourselves.
inline constexpr std::uint64_t any_number = ~std::uint64_t{0};
bool running_elsewhere(const gs_domain* d, const those& which, std::uint64_t number) noexcept;

}  // namespace graceslab::rcu
