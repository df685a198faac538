// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for callbacks without the checks of rcu_barrier(), for those who made them.
#pragma once

struct gs_domain;

namespace graceslab::rcu {

// True when everything posted before has run, but for what a caller inside a callback cannot wait
// for. False: the deadline of this thread passed, or grace periods cannot be waited for here.
bool wait_for_callbacks(gs_domain* d) noexcept;

}  // namespace graceslab::rcu
