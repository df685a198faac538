// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A4, A5, A6, A10: destroy returns at once and lingers.
#include "os/report.hpp"
#include "os/thread.hpp"
#include "slab/misuse.hpp"
#include "slab/transit.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

constexpr unsigned looks_most = 3;

// A cache that is all home need not linger because somebody has it in hand for a moment, such as a
// barrier that goes through many, or is about to end a run in which there was nothing to do.
bool settle_without_passers_by(slab::cache& c) noexcept {
  bool gone = settle(c);
  for (unsigned looks = 0; !gone && looks != looks_most && all_home(c); ++looks) {
    slab::await_hands(c);
    reclaim::let_run_end(c);
    gone = settle(c);
  }
  return gone;
}

}  // namespace

void destroy(slab::cache& c, int policy, const caller& who, cookie* k) noexcept {
  tally t;
  (void)hazard::scan();
  const unsigned long protected_ones = hazard::count_unended(retired_in(c));
  if (!close(c, who, k, &t)) return report_stale(who);
  bool quiet = (c.flags & slab::flag_once_fully_freed) != 0;
  bool all = policy == GS_POLICY_REPORT;
  if (!quiet && (t.live + t.leaked > protected_ones || (all && t.in_flight + protected_ones != 0)))
    report_objects_at_destroy(c, t, all);
  if (!settle_without_passers_by(c)) reclaim::activate(c);
}

cookie destroy_rcu(slab::cache& c, const caller& who) noexcept {
  cookie k = 0;
  destroy(c, GS_POLICY_LINGER, who, &k);
  return k;
}

}  // namespace graceslab::teardown
