// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for one owner's callbacks, past those of others that are ahead in the queue.
#pragma once
#include "rcu/watch.hpp"

namespace graceslab::rcu {

// Since when an owner is settled.
class patience {
 public:
  patience() noexcept;
  bool over() const noexcept;  // the stall limit has passed

 private:
  std::uint64_t began_ms_;
};

// Nothing of this owner is queued, and nothing runs but on this stack.
bool quiet(const watch& w) noexcept;
// One round over all domains: runs what is queued of this owner now, and waits for the invocations
// that have begun by then; not for any that begin later. What cannot be waited for here is taken
// out, not run, and counted in `dropped`.
void settle_round(const watch& w, unsigned long* dropped) noexcept;
unsigned long pending_of(const whose& owner) noexcept;  // queued or running now
bool runs_on_this_stack(const whose& owner) noexcept;

}  // namespace graceslab::rcu
