// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "rcu/unproved.hpp"

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/fence.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"
#include "rcu/rcu.hpp"

namespace graceslab::rcu {

bool unproved_watch::lost() noexcept {
  if (os::fence_mode() != GS_FENCE_NONE)
    refusals_ = 0;
  else if (refusals_ < passing)
    ++refusals_;
  return refusals_ == passing;
}

void unproved_watch::say_when_due() noexcept {
  const std::uint64_t now_ms = os::now_ms();
  const std::uint64_t limit_ms = gs_load_relaxed(&os::settings.stall_ms);
  if (!said_) since_ms_ = now_ms;
  if (said_ && now_ms < due_ms_) return;
  const std::uint64_t waited_ms = now_ms - since_ms_;
  due_ms_ = since_ms_ + (said_ ? (waited_ms / (3 * limit_ms) + 1) * 3 * limit_ms : limit_ms);
  said_ = true;
  os::report(GS_REPORT_WAIT_UNPROVED,
             "domain '%s': thread %u has waited for at least %llu ms for a fence that the system "
             "refuses (membarrier, mprotect); it cannot be proved that readers have left, and the "
             "wait goes on",
             domain_name(domain_), os::tid(), static_cast<unsigned long long>(waited_ms));
}

}  // namespace graceslab::rcu
