// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Fault injection: a library feature for tests. Off costs one relaxed load.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstdint>

namespace graceslab::os {

bool fault_now(gs_fault_site site, std::uint32_t cache = 0) noexcept;

void set_fault(gs_fault_site site,
               const gs_fault* fault) noexcept;  // nullptr = off; counts hits from zero
std::uint64_t fault_hits(gs_fault_site site) noexcept;

}  // namespace graceslab::os
