// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How a thread waits for a cookie: one leads, the others follow.
//
// - Leads: looks at the readers; while one is in the way, it sleeps until that one's section ends,
//   which wakes it. It leads until its own cookie is done.
// - Follows: sleeps until a grace period has ended. It looks by itself when nobody else did
//   meanwhile, so that no wait hangs on a leader that does not get a core.
// - Naps: every sleep is bounded. A wake-up that is lost costs one nap.
// - Page: docs/ordering/grace-period.md, claims 14 and 15
#pragma once
#include <cstdint>

#include "os/exit.hpp"
#include "rcu/grace_period.hpp"

namespace graceslab::rcu {

class await {
 public:
  await(gs_domain* d, std::uint64_t cookie, effort e) noexcept;
  ~await();
  await(const await&) = delete;
  await& operator=(const await&) = delete;
  // Looks, and sleeps at most once. True: the cookie is done.
  bool step() noexcept;

 private:
  bool lead() noexcept;
  bool follow() noexcept;
  void note_nap(std::uint64_t began_ns, std::uint64_t longest_us) noexcept;

  gs_domain* domain_;
  std::uint64_t cookie_;
  unsigned spins_;
  bool leads_ = false;
  bool patient_ = false;  // the last nap took its time: nothing moves, so spinning is no use
  std::uint64_t nap_us_;
  os::short_wait wait_ = os::short_wait::of_any_length("a grace period");
};

// Whenever `completed` may have risen from `before`, with no lock held: wakes those who sleep for
// what is done, and, when there are others and nobody leads, one that will.
void tell_waiters(gs_domain* d, std::uint64_t before) noexcept;
void waiters_after_fork_in_child(gs_domain* d) noexcept;

}  // namespace graceslab::rcu
