// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What lies in the arrays of threads, of many caches at once: the fence that makes it safe to take
// costs as much for one as for all.
#include <algorithm>
#include <optional>

#include "base/by_address.hpp"
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

// `done` is told of each cache whether all of what was wanted was had.
template <class Begin, class Done>
void seize_together(slab::cache** caches, unsigned n, Begin begin, Done done) noexcept {
  // The order in which their locks are taken.
  std::sort(caches, caches + n, base::by_address{});
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
    done(*caches[i], fenced && !hands[i]->arrays.left_some());
    hands[i].reset();
  }
  os::report_lost_fence();
}

// A cache that is being destroyed has no arrays, or will have none without us.
unsigned only_open(slab::cache** caches, unsigned n, slab::cache** open) noexcept {
  unsigned opens = 0;
  for (unsigned i = 0; i != n; ++i)
    if (slab::stage_of(*caches[i]) == GS_STAGE_OPEN) open[opens++] = caches[i];
  return opens;
}

}  // namespace

bool defer_arrays(slab::cache** caches, unsigned n) noexcept {
  bool all = true;
  seize_together(
      caches, n,
      [](slab::seizure& s, slab::cache& c) noexcept { s.begin(c, slab::seize_what::retired); },
      [&all](slab::cache&, bool had) noexcept { all = all && had; });
  return all;
}

void defer_aged(slab::cache** caches, unsigned n, bool at_once, bool* young) noexcept {
  slab::cache* open[batch];
  const unsigned opens = only_open(caches, n, open);
  seize_together(
      open, opens,
      [at_once, young](slab::seizure& s, slab::cache& c) noexcept {
        s.begin_aged(c, at_once, young);
      },
      [](slab::cache&, bool) noexcept {});
}

void flush_parked(slab::cache** caches, unsigned n, slab::seize_how how) noexcept {
  slab::cache* open[batch];
  const unsigned opens = only_open(caches, n, open);
  seize_together(
      open, opens,
      [how](slab::seizure& s, slab::cache& c) noexcept {
        s.begin(c, slab::seize_what::everything, how);
      },
      [](slab::cache& c, bool had) noexcept {
        if (slab::still_open(c)) slab::flush_barn(c);
        if (!had) slab::touch(c);
      });
}

}  // namespace graceslab::reclaim
