// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once

namespace graceslab::rcu {

// Runs once, at process exit, by GRACESLAB_EXIT: leave, drain (until GRACESLAB_EXIT_MS passed),
// strict (no limit).
void drain_at_exit() noexcept;

}  // namespace graceslab::rcu
