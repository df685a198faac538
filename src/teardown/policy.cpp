// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which destroy a plain one is, and A3: the global barrier with its misuse.
#include <errno.h>

#include "os/config.hpp"
#include "os/exit.hpp"
#include "os/midway.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"
#include "rcu/grace_period.hpp"
#include "slab/construct.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {

int destroy_by(slab::cache& c, int policy, const caller& who, cookie* k) noexcept {
  if (policy == GS_POLICY_DEFAULT) policy = c.policy;
  if (policy == GS_POLICY_DEFAULT) policy = gs_load_relaxed(&os::settings.destroy);
  if (policy == GS_POLICY_WAIT || policy == GS_POLICY_WAIT_IF_POSSIBLE)
    return destroy_wait(c, who, policy == GS_POLICY_WAIT_IF_POSSIBLE, k);
  destroy(c, policy, who, k);
  return *k != 0 && find_lingering(*k) != nullptr ? -EBUSY : 0;
}

// exit() in a handler may come here before any handler of ours was told of the exit.
bool refuse_midway() noexcept {
  const bool midway = os::is_midway();
  if (!os::exit_begun()) {
    if (midway)
      os::report(GS_REPORT_STALL,
                 "a cache is not destroyed: its destroy was called in a signal handler that "
                 "interrupted the library in thread %u",
                 os::tid());
    return midway;
  }
  return os::exit_cut_short();  // what is left is reported at last
}

void retire_barrier(gs_domain* d) noexcept {
  if (rcu::reader_nesting(d) != 0) {
    rcu::report_here(
        GS_REPORT_BARRIER_IN_READER,
        "kfree_rcu_barrier() inside a read-side section would wait for itself; it did not wait");
    return;
  }
  auto covered = [](const slab::cache& c, const void* domain) {
    return reclaim::domain_of(c) == domain;
  };
  if (const slab::cache* c = slab::constructing(covered, d)) {
    rcu::report_here(GS_REPORT_WAIT_IN_CONSTRUCTOR,
                     "kfree_rcu_barrier() inside the constructor of cache '%s' would wait for "
                     "itself; it did not wait",
                     c->name);
    return;
  }
  if (rcu::in_callback())
    rcu::report_here(
        GS_REPORT_BARRIER_IN_CALLBACK,
        "kfree_rcu_barrier() inside a callback; it waits for all retired memory but what "
        "waits for this callback");
  const rcu::barrier_scope counted(d);
  reclaim::retire_barrier(d);
}

}  // namespace graceslab::teardown
