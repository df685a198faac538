// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for one owner's callbacks, past those of others that are ahead in the queue.
#pragma once

namespace graceslab::rcu {

// One round over all domains: runs what is queued of this owner, waits for what is running. True
// when there was any. What cannot be waited for here is taken out, not run, and counted in
// `dropped`.
bool settle_round(void* owner, unsigned long* dropped) noexcept;
unsigned long pending_of(void* owner) noexcept;  // queued or running now
bool runs_on_this_stack(const void* owner) noexcept;

}  // namespace graceslab::rcu
