// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/midway.hpp"

#include "os/busted.hpp"
#include "os/hands.hpp"

namespace graceslab::os {

__thread std::uint32_t midway_depth __attribute__((tls_model("initial-exec")));
__thread std::uint32_t hands_depth __attribute__((tls_model("initial-exec")));

namespace {

bool (*look_further)() noexcept;

}  // namespace

bool is_midway_beyond_hands() noexcept {
  if (busted(flaw::midway_unseen)) return false;
  return midway_depth != 0 || (look_further && look_further());
}

bool is_midway() noexcept { return hands_depth != 0 || is_midway_beyond_hands(); }

void also_midway(bool (*look)() noexcept) noexcept { look_further = look; }

}  // namespace graceslab::os
