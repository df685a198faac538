// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/busted.hpp"

#ifdef GRACESLAB_BUSTED
#include <graceslab/detail/atomic.h>

#include <cstdlib>
#include <cstring>

#include "os/clock.hpp"

namespace graceslab::os {

bool busted(flaw which) noexcept {
  static constexpr const char* names[] = {
      "no-grace-period", "barrier-nothing", "cache-barrier-nothing", "skip-takeover",
      "counter-stuck",   "settle-once",     "exit-no-deadline",      "keep-slabs",
      "lying-fence",     "midway-unseen",   "hazard-skips-slots",    "wide-windows"};
  static const char* wanted = secure_getenv("GRACESLAB_BUSTED");
  return wanted && std::strcmp(wanted, names[static_cast<int>(which)]) == 0;
}

// Now and then so wide that what came to a record meanwhile is at work.
void open_window() noexcept {
  constexpr std::uint64_t wide_us = 100, very_wide_us = 2000;
  constexpr std::uint32_t narrower = 32;
  static std::uint32_t windows;  // atomic
  if (!busted(flaw::wide_windows)) return;
  sleep_us(gs_fetch_add_relaxed(&windows, 1u) % narrower == 0 ? very_wide_us : wide_us);
}

}  // namespace graceslab::os
#endif
