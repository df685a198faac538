// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Inside the rcu layer: driving grace periods.
#pragma once
#include <cstdint>

#include "os/exit.hpp"
#include "rcu/domain.hpp"

namespace graceslab::rcu {

enum class effort { normal, expedited };  // changes speed only

// Until when waits of this thread go on (real time, ns); 0 = for ever. For drains and exits with a
// deadline.
class deadline_scope {
 public:
  explicit deadline_scope(std::uint64_t deadline_ns) noexcept;
  ~deadline_scope();
  deadline_scope(const deadline_scope&) = delete;
  deadline_scope& operator=(const deadline_scope&) = delete;

 private:
  std::uint64_t before_;
};
bool has_deadline() noexcept;
bool deadline_passed() noexcept;

// Spin, then yield, then sleep: each step() waits a little longer than the one before.
class backoff {
 public:
  explicit backoff(effort e) noexcept : spins_(e == effort::expedited ? 4000 : 60) {}
  bool step() noexcept;  // true: it slept
  static constexpr std::uint64_t sleep_min_us = 50, sleep_max_us = 1000;

 private:
  unsigned spins_;
  unsigned steps_ = 0;
  os::short_wait wait_ = os::short_wait::of_any_length("a grace period or a callback");
  std::uint64_t sleep_us_ = sleep_min_us;
};

bool wait_with(gs_domain* d, std::uint64_t cookie, effort e) noexcept;  // as wait()
bool start_poll(gs_domain* d, std::uint64_t cookie) noexcept;
// Under gp_lock: starts the grace period if nobody did, fences if that was refused before, scans.
void advance_locked(gs_domain* d, std::uint64_t cookie) noexcept;
// Inside a section of `d`: waits for every section that existed when the wait began but our own,
// and for none whose thread is seen doing the same as we.
void wait_for_others(gs_domain* d) noexcept;
void note_progress(gs_domain* d) noexcept;  // under gp_lock: restart or stop the stall clock
void restart_stall_clock(gs_domain* d, bool pending, std::uint64_t now_ms) noexcept;

// A report with the caller's stack behind it.
[[gnu::format(printf, 2, 3)]] void report_here(gs_report kind, const char* format, ...) noexcept;

// ---- domains, for the C exports ----
gs_domain* create_domain(const gs_domain_options* options) noexcept;
int destroy_domain(domain_ref r) noexcept;
gs_domain_stats domain_stats(gs_domain* d) noexcept;
bool cover_retire(gs_domain* d, bool on) noexcept;  // returns the old value
int drain(gs_domain* d, unsigned rounds, std::uint64_t timeout_ms, const void** rearming) noexcept;
int close_domain(gs_domain* d) noexcept;
void reclaim_now(gs_domain* d) noexcept;

}  // namespace graceslab::rcu
