// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/busted.hpp"

#ifdef GRACESLAB_BUSTED
#include <cstdlib>
#include <cstring>

#include "os/clock.hpp"

namespace graceslab::os {

bool busted(flaw which) noexcept {
  static constexpr const char* names[] = {
      "no-grace-period", "barrier-nothing", "cache-barrier-nothing", "skip-takeover",
      "counter-stuck",   "settle-once",     "exit-no-deadline",      "keep-slabs",
      "lying-fence",     "midway-unseen",   "wide-windows"};
  static const char* wanted = secure_getenv("GRACESLAB_BUSTED");
  return wanted && std::strcmp(wanted, names[static_cast<int>(which)]) == 0;
}

void open_window() noexcept {
  constexpr std::uint64_t wide_us = 100;
  if (busted(flaw::wide_windows)) sleep_us(wide_us);
}

}  // namespace graceslab::os
#endif
