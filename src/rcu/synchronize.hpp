// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Grace periods as programs ask for them.
#pragma once
#include <cstdint>

#include "rcu/grace_period.hpp"

namespace graceslab::rcu {

// Inside a section of `d`: reported; waits for every other section. Never runs a callback.
void synchronize(gs_domain* d, effort e) noexcept;
std::uint64_t start_polled(gs_domain* d) noexcept;
// Polling drives: nobody else may be at it. A cookie that this domain never gave out is never done.
bool poll(gs_domain* d, std::uint64_t cookie) noexcept;
void cond_synchronize(gs_domain* d, std::uint64_t cookie) noexcept;

}  // namespace graceslab::rcu
