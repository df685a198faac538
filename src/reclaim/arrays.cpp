// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Retired objects out of the arrays of threads that fill them slowly, of many caches at once: the
// fence that makes it safe costs as much for one as for all.
#include <algorithm>
#include <optional>

#include "os/fence.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/locals.hpp"
#include "slab/transit.hpp"

namespace graceslab::reclaim {
namespace {

struct hand {
  explicit hand(slab::cache& c) noexcept : in_transit(c) {}
  slab::transit in_transit;
  slab::seizure arrays;
  slab::spoils taken;
};

template <class Begin>
bool seize_together(slab::cache** caches, unsigned n, Begin begin) noexcept {
  std::sort(caches, caches + n);  // the order in which their locks are taken
  std::optional<hand> hands[batch];
  bool any = false;
  for (unsigned i = 0; i != n; ++i) {
    hand& h = hands[i].emplace(*caches[i]);
    begin(h.arrays, *caches[i]);
    any = any || h.arrays.closed_any();
  }
  bool fenced = slab::seizure::fence(any);
  for (unsigned i = 0; i != n; ++i)
    hands[i]->arrays.end(fenced, slab::seize_then::reopen, &hands[i]->taken);
  for (unsigned i = 0; i != n; ++i) {
    slab::settle_spoils(*caches[i], hands[i]->taken);
    hands[i].reset();
  }
  return fenced;
}

}  // namespace

bool defer_arrays(slab::cache** caches, unsigned n) noexcept {
  bool fenced = seize_together(caches, n, [](slab::seizure& s, slab::cache& c) noexcept {
    s.begin(c, slab::seize_what::retired);
  });
  os::report_lost_fence();
  return fenced;
}

// A cache that is being destroyed has no arrays, or will have none without us.
void defer_aged(slab::cache** caches, unsigned n, bool* young) noexcept {
  slab::cache* open[batch];
  unsigned opens = 0;
  for (unsigned i = 0; i != n; ++i)
    if (slab::stage_of(*caches[i]) == GS_STAGE_OPEN) open[opens++] = caches[i];
  (void)seize_together(
      open, opens, [young](slab::seizure& s, slab::cache& c) noexcept { s.begin_aged(c, young); });
  os::report_lost_fence();
}

}  // namespace graceslab::reclaim
