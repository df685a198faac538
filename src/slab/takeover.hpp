// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The seizing side of take-over; the owner's side is gs_local_enter/leave in detail/local.h.
#pragma once
#include "os/clock.hpp"
#include "os/exit.hpp"
#include "slab/sheaves.hpp"

namespace graceslab::slab {

// ORDER takeover.close <-> takeover.reopened   (docs/ordering/takeover.md, claim 3)
inline void close_local(gs_local& l) noexcept { (void)gs_fetch_add(&l.closed, 1u); }

// ORDER takeover.seize <-> takeover.enter   (docs/ordering/takeover.md, claims 1 and 2)
// ORDER takeover.seize <-> takeover.leave   (claim 2)
// Between close_local() and this stands one heavy fence. An owner that entered before the fence is
// seen busy, and its release of busy shows us its last pop or push; one that enters after it sees
// closed and stands aside.
// The owner pays for no wake-up. One that stays busy for longer than a pop or push takes is off its
// core: we sleep, so that it gets ours even where it has the lower priority.
inline void wait_until_quiet(const gs_local& l) noexcept {
  constexpr unsigned spins_most = 100;
  constexpr std::uint64_t nap_least_us = 10, nap_most_us = 1000;
  std::uint64_t nap_us = nap_least_us;
  os::short_wait wait("the owner of an array");
  for (unsigned spins = 0; gs_load_acquire(&l.busy) != 0; ++spins) {
    if (spins < spins_most) {
      gs_cpu_relax();
      continue;
    }
    wait.nap(nap_us);
    nap_us = nap_us * 2 < nap_most_us ? nap_us * 2 : nap_most_us;
  }
}

// The same for who can do without: an owner that does not leave at once may be off its core.
inline bool quiet_soon(const gs_local& l) noexcept {
  for (unsigned spins = 0; gs_load_acquire(&l.busy) != 0; ++spins) {
    if (spins == 100) return false;
    gs_cpu_relax();
  }
  return true;
}

// The owner's next gs_local_enter() sees what we left in the record.
inline void reopen_local(gs_local& l) noexcept { (void)gs_fetch_sub(&l.closed, 1u); }

}  // namespace graceslab::slab
