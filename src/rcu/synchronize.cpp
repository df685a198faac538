// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "rcu/synchronize.hpp"

#include "rcu/worker.hpp"

namespace graceslab::rcu {
namespace {

// Cookies of other domains and invented ones would never come true, or start a grace period at
// every poll.
bool given_out(gs_domain* d, std::uint64_t cookie) noexcept { return cookie <= newest(d) + 1; }

}  // namespace

// Runs no callback, with or without a worker: the caller may hold a lock that one of them takes.
// But where callbacks wait for a worker, it tries to start one.
void synchronize(gs_domain* d, effort e) noexcept {
  if (callers_drive() && callbacks_pending(d)) wake_worker();
  wait_with(d, snapshot(d), e);
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
