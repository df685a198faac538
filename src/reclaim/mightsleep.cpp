// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// K2: retiring without a head may wait, but only when there is no memory for an array.
#include "os/report.hpp"
#include "reclaim/reclaim.hpp"

namespace graceslab::reclaim {

void retire_mightsleep(slab::cache& c, void* object, const void* site) noexcept {
  if (slab::retire_in_array(c, object, site)) return;
  if (slab::parks_one(c)) return slab::retire_slow(c, object, site);  // it needs none
  gs_domain* d = domain_of(c);
  if (rcu::reader_nesting(d) != 0 || !rcu::wait(d, rcu::snapshot(d)))
    slab::retire_slow(c, object, site);  // cannot wait here: by state byte, without memory
  else
    slab::free_slow(c, object, site);
}

}  // namespace graceslab::reclaim
