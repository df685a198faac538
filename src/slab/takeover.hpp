// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The seizing side of take-over; the owner's side is gs_local_enter/leave in detail/local.h.
#pragma once
#include "os/thread.hpp"
#include "slab/sheaves.hpp"

namespace graceslab::slab {

// ORDER takeover.close <-> takeover.reopened   (docs/ordering/takeover.md, claim 3)
inline void close_local(gs_local& l) noexcept { (void)gs_fetch_add(&l.closed, 1u); }

// ORDER takeover.seize <-> takeover.enter   (docs/ordering/takeover.md, claims 1 and 2)
// ORDER takeover.seize <-> takeover.leave   (claim 2)
// Between close_local() and this stands one heavy fence. An owner that entered before the fence is
// seen busy, and its release of busy shows us its last pop or push; one that enters after it sees
// closed and stands aside.
inline void wait_until_quiet(const gs_local& l) noexcept {
  for (unsigned spins = 0; gs_load_acquire(&l.busy) != 0; ++spins)
    spins < 100 ? gs_cpu_relax() : os::yield();
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
