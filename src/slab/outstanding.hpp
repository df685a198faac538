// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is out of a cache, for reports: by where it was allocated, when that is kept.
#pragma once
#include "slab/slab.hpp"

namespace graceslab::slab {

// One line per site, those with the most objects first: "\n  12 objects (allocated), the first is
// 0x..., allocated at" and the stack. Of a cache that keeps no stacks, one line for each of the
// first few objects. Retired ones are left out unless `retired_too`. Returns the length written.
// Takes slabs_lock; walks all objects where stacks are kept.
std::size_t describe_outstanding(cache& c, bool retired_too, char* text,
                                 std::size_t bytes) noexcept;

}  // namespace graceslab::slab
