// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Threads that end, processes that fork or exit. Contract R4, I8.
//
// - Fork: prepare takes every lock of this layer by rank. In the child, sections of threads that
//   did not survive are over, callbacks that they were running count as done, queued ones run there
//   too, workers start anew.
#include "os/hooks.hpp"
#include "os/thread.hpp"
#include "rcu/await.hpp"
#include "rcu/domain.hpp"
#include "rcu/drain.hpp"
#include "rcu/grant.hpp"
#include "rcu/owner.hpp"
#include "rcu/run.hpp"
#include "rcu/watch.hpp"
#include "rcu/worker.hpp"

namespace graceslab::rcu {
namespace {

template <class Do>
void every_domain(Do what) noexcept {
  for (gs_domain* d = first_domain(); d; d = next_domain(d)) what(*d);
}

void prepare_runners() noexcept {
  runners_lock.lock();
  lock_workers();
}
void parent_runners() noexcept {
  unlock_workers();
  runners_lock.unlock();
}
// Only the records on this thread's stack are left.
void child_runners() noexcept {
  runners = nullptr;
  for (runner* r = current_runner; r; r = r->outer) {
    r->tid = os::tid();
    r->prev = nullptr;
    r->next = runners;
    if (runners) runners->prev = r;
    runners = r;
  }
  runners_lock.reset_in_child();
  workers_after_fork_in_child();
}

void prepare_shards() noexcept {
  every_domain([](gs_domain& d) {
    for (shard& s : d.shards) {
      s.lock.lock();
      recall(s);
    }
  });
}
void parent_shards() noexcept {
  every_domain([](gs_domain& d) {
    for (shard& s : d.shards) s.lock.unlock();
  });
}
void child_shards() noexcept {
  every_domain([](gs_domain& d) {
    for (shard& s : d.shards) shard_after_fork_in_child(&d, s);
    d.batch_done.reset_in_child();
    gs_store_relaxed(&d.drains, 0u);
    gs_store_relaxed(&d.barrier_waiters, 0u);
  });
}

void prepare_grace_periods() noexcept {
  every_domain([](gs_domain& d) { d.gp_lock.lock(); });
}
void parent_grace_periods() noexcept {
  every_domain([](gs_domain& d) { d.gp_lock.unlock(); });
}
void child_grace_periods() noexcept {
  every_domain([](gs_domain& d) {
    d.gp_lock.reset_in_child();
    waiters_after_fork_in_child(&d);
    overflow_after_fork_in_child(&d);
  });
  readers_after_fork_in_child();
}

constexpr int rank_of(sync::rank r) noexcept { return static_cast<int>(r); }

[[gnu::constructor(104)]] void start_rcu() noexcept {
  constexpr int readers_last = 30;
  sync::on_thread_end(readers_last, end_thread_sections);
  os::on_process_exit(rank_of(sync::rank::shard), drain_at_exit);
  os::on_fork(
      {rank_of(sync::rank::owners), lock_owners, unlock_owners, owners_after_fork_in_child});
  os::on_fork(
      {rank_of(sync::rank::domains), lock_domains, unlock_domains, domains_after_fork_in_child});
  os::on_fork({rank_of(sync::rank::runners), prepare_runners, parent_runners, child_runners});
  os::on_fork({rank_of(sync::rank::shard), prepare_shards, parent_shards, child_shards});
  os::on_fork({rank_of(sync::rank::grace_period), prepare_grace_periods, parent_grace_periods,
               child_grace_periods});
  os::on_fork(
      {rank_of(sync::rank::leaf), lock_watches, unlock_watches, watches_after_fork_in_child});
}

}  // namespace
}  // namespace graceslab::rcu
