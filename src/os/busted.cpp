// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/busted.hpp"

#ifdef GRACESLAB_BUSTED
#include <cstdlib>
#include <cstring>

namespace graceslab::os {

bool busted(flaw which) noexcept {
  static constexpr const char* names[] = {
      "no-grace-period", "barrier-nothing", "cache-barrier-nothing", "skip-takeover",
      "counter-stuck",   "settle-once",     "exit-no-deadline"};
  static const char* wanted = secure_getenv("GRACESLAB_BUSTED");
  return wanted && std::strcmp(wanted, names[static_cast<int>(which)]) == 0;
}

}  // namespace graceslab::os
#endif
