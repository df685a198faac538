// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A4, A5, A6, A10: destroy returns at once and lingers.
#include "os/report.hpp"
#include "slab/misuse.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {

void destroy(slab::cache& c, int policy, const caller& who, cookie* k) noexcept {
  tally t;
  kmem_cache* handle = slab::handle_of(c);
  if (!close(c, who, k, &t)) return slab::report_stale(handle, "destroy", who.site);
  bool quiet = (c.flags & slab::flag_once_fully_freed) != 0;
  bool all = policy == GS_POLICY_REPORT;
  if (!quiet && (t.live + t.leaked != 0 || (all && t.in_flight != 0)))
    report_objects_at_destroy(c, t, all);
  if (!settle(c)) reclaim::activate(c);
}

cookie destroy_rcu(slab::cache& c, const caller& who) noexcept {
  cookie k = 0;
  destroy(c, GS_POLICY_LINGER, who, &k);
  return k;
}

}  // namespace graceslab::teardown
