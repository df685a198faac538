// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ordering page: docs/ordering/mutex.md
#include "sync/event.hpp"

#include <graceslab/detail/atomic.h>

#include <climits>

#include "os/clock.hpp"
#include "os/exit.hpp"

namespace graceslab::sync {

std::uint32_t event::ticket() const noexcept {
  // ORDER event.ticket <-> event.move   (docs/ordering/mutex.md, claim 3)
  return gs_load_acquire(&moved_);
}

bool event::wait(std::uint32_t ticket, std::uint64_t timeout_ms) noexcept {
  if (gs_load_acquire(&moved_) != ticket) return true;
  const bool for_ever = timeout_ms == os::forever_ms;
  const std::uint64_t start = for_ever ? 0 : os::now_ms();
  // ORDER event.sleep <-> event.move   (docs/ordering/mutex.md, claim 4)
  // We count ourselves, then look at the counter (here and in the kernel); a notifier moves it,
  // then looks at the count.
  gs_fetch_add(&waiters_, 1u);
  auto patience = os::short_wait::of_any_length("an event");
  bool moved;
  for (;;) {
    moved = gs_load_seq_cst(&moved_) != ticket;
    if (moved) break;
    const std::uint64_t passed = for_ever ? 0 : os::now_ms() - start;
    if (!for_ever && passed >= timeout_ms) break;
    patience.on(&moved_, ticket, for_ever ? os::forever_ms : timeout_ms - passed);
  }
  gs_fetch_sub(&waiters_, 1u);
  return moved;
}

void event::nap(std::uint32_t ticket, std::uint64_t us) noexcept {
  // ORDER event.sleep <-> event.move   (docs/ordering/mutex.md, claim 4)
  gs_fetch_add(&waiters_, 1u);
  if (gs_load_seq_cst(&moved_) == ticket) os::futex_nap_us(&moved_, ticket, us);
  gs_fetch_sub(&waiters_, 1u);
}

void event::notify(int how_many) noexcept {
  // ORDER event.move <-> event.ticket   (docs/ordering/mutex.md, claim 3)
  // ORDER event.move <-> event.sleep    (claim 4)
  gs_fetch_add(&moved_, 1u);
  if (gs_load_seq_cst(&waiters_) != 0) os::futex_wake(&moved_, how_many);
}

void event::notify_all() noexcept { notify(INT_MAX); }
void event::notify_one() noexcept { notify(1); }

bool event::has_waiters() const noexcept { return gs_load_relaxed(&waiters_) != 0; }

void event::reset_in_child() noexcept { gs_store_relaxed(&waiters_, 0u); }

}  // namespace graceslab::sync
