// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Having objects in hand (slab/transit.hpp) is midway as well, but for a fork, which knows how to
// leave the forking thread's hands alone.
#pragma once
#include <cstdint>

namespace graceslab::os {

extern __thread std::uint32_t hands_depth __attribute__((tls_model("initial-exec")));

// Midway, hands aside.
bool is_midway_beyond_hands() noexcept;

}  // namespace graceslab::os
