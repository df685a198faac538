// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects that are retired under hazard pointers count as allocated until their deleter frees them:
// whoever ends a cache has them looked at first, and waits for their protectors or names them.
#include "base/format.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"
#include "rcu/grace_period.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {

hazard::those retired_in(const slab::cache& c) noexcept {
  return {[](const void*, const void*, const void* head, const void* cache) {
            return slab::cache_holding(head) == cache;
          },
          &c};
}

bool wait_for_protectors(slab::cache& c, bool stays_open) noexcept {
  const hazard::those ours = retired_in(c);
  char what[120];
  base::writer(what, sizeof what).add("the destroy of cache '%s'", c.name);
  if (stays_open ? hazard::wait_for_retired_before(ours, what) : hazard::wait_for(ours, what))
    return true;
  if (hazard::protected_here(ours))
    rcu::report_here(GS_REPORT_STALL,
                     "%s does not wait for what is retired and protected by hazard pointers made "
                     "by thread %u, which calls it",
                     what, os::tid());
  return false;
}

void add_protector(const slab::cache& c, os::draft& text) noexcept {
  char who[200];
  if (hazard::describe_protector(retired_in(c), who, sizeof who) != 0)
    text.add("; retired and protected: %s", who);
}

}  // namespace graceslab::teardown
