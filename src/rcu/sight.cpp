// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "rcu/sight.hpp"

#include "rcu/domain.hpp"

namespace graceslab::rcu {

std::uint32_t sight_readers(gs_domain* d) noexcept {
  std::uint32_t inside = 0;
  // ORDER slots.walk <-> slots.append   (docs/ordering/grace-period.md, claim 6)
  for (reader_chunk* c = gs_load_acquire(&d->chunks); c; c = c->next)
    for (reader_slot& slot : c->slot)
      inside += nesting_of(gs_load_relaxed(&slot.reader.word)) != 0 ? 1 : 0;
  for (const std::uint64_t& count : d->overflow.count)
    inside += sections_in(gs_load_relaxed(&count));
  return inside;
}

// A fork from inside a barrier leaves a child that ends one more than it began.
std::uint32_t sight_barriers(const gs_domain* d) noexcept {
  const auto n = static_cast<std::int32_t>(gs_load_relaxed(&d->barrier_waiters));
  return n > 0 ? static_cast<std::uint32_t>(n) : 0;
}

}  // namespace graceslab::rcu
