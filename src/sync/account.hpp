// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Bytes that are counted against a limit, by any thread and without a lock. Of several that come at
// once, some may be refused though one of them would have fitted.
#pragma once
#include <graceslab/detail/atomic.h>

#include <cstdint>

namespace graceslab::sync {

struct account {
  std::uint64_t bytes = 0;  // atomic
  std::uint64_t limit = 0;  // 0: none; atomic

  std::uint64_t used() const noexcept { return gs_load_relaxed(&bytes); }
  bool add(std::uint64_t more, std::uint64_t most) noexcept {
    const std::uint64_t now = gs_fetch_add_relaxed(&bytes, more) + more;
    if (most == 0 || now <= most) return true;
    take(more);
    return false;
  }
  void take(std::uint64_t less) noexcept { (void)gs_fetch_add_relaxed(&bytes, 0 - less); }
};

}  // namespace graceslab::sync
