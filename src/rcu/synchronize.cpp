// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "rcu/synchronize.hpp"

#include "rcu/run.hpp"
#include "rcu/worker.hpp"

namespace graceslab::rcu {
namespace {

// Cookies of other domains and invented ones would never come true, or start a grace period at
// every poll.
bool given_out(gs_domain* d, std::uint64_t cookie) noexcept { return cookie <= newest(d) + 1; }

bool drives_callbacks(gs_domain* d) noexcept {
  return callers_drive() && !in_callback() && callbacks_pending(d);
}

void seal_all(gs_domain* d) noexcept {
  for (shard& s : d->shards) {
    sync::lock_guard guard(s.lock);
    seal(d, s);
  }
}

}  // namespace

void synchronize(gs_domain* d, effort e) noexcept {
  const bool drives = drives_callbacks(d);
  if (drives) seal_all(d);
  if (!wait_with(d, snapshot(d), e) || !drives) return;
  if (!in_any_reader()) run_ready(d, ~0u);
}

std::uint64_t start_polled(gs_domain* d) noexcept {
  const std::uint64_t cookie = snapshot(d);
  start_poll(d, cookie);
  return cookie;
}

bool poll(gs_domain* d, std::uint64_t cookie) noexcept {
  return given_out(d, cookie) && try_advance(d, cookie);
}

void cond_synchronize(gs_domain* d, std::uint64_t cookie) noexcept {
  wait(d, given_out(d, cookie) ? cookie : snapshot(d));
}

}  // namespace graceslab::rcu
