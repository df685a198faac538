// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Owners that go, threads that end, processes that fork or exit. Contract I3, I4, I8.
//
// - Fork: prepare takes the locks of this layer by rank, so no scan is under way; in the child
//   other threads protect nothing, and what they retired is in the lists still.
#include "base/format.hpp"
#include "hazard/slots.hpp"
#include "os/config.hpp"
#include "os/exit.hpp"
#include "os/fence.hpp"
#include "os/hooks.hpp"
#include "os/report.hpp"
#include "rcu/barrier.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/queue.hpp"
#include "rcu/whose.hpp"

namespace graceslab::hazard {
namespace {

// ---- owners ----

// The code is about to go: the memory leaks, nobody jumps into the void.
unsigned long drop(const those& which) noexcept {
  unsigned long n = 0;
  sync::lock_guard turn(scan_lock);
  for (shard& s : shards) {
    sync::lock_guard guard(s.lock);
    for (std::uint64_t left = s.retired.count; left != 0; --left) {
      gs_hazard_head* h = take_first(s.retired);
      if (!is_one(*h, which)) {
        append(s.retired, h);
        continue;
      }
      rcu::unmark(&h->head);
      ++n;
    }
  }
  return n;
}

// Whoever settles runs and awaits what is handed in.
unsigned long wait_for_owner(const rcu::whose& owner) {
  const those ours = rcu::of_owner(owner);
  if (count(ours) == 0) return 0;
  char what[300];
  base::writer(what, sizeof what).add("the end of %s", owner.name);
  return wait_for_protectors(ours, what) ? 0 : drop(ours);
}

// ---- exit ----

constexpr unsigned rounds_most = 64;  // deleters may retire, and other threads go on
bool told;

const char* describe_reason(unsigned long left, char* text, std::size_t bytes) noexcept {
  if (describe_protector(any, text, bytes) != 0) return text;
  if (left == 0) return "deleters have not returned";
  return os::fence_mode() == GS_FENCE_NONE ? "no fence works"
                                           : "deleters or threads go on retiring";
}

void report_left() noexcept {
  const unsigned long left = count(any);
  if (told || (left == 0 && (deleting() || !rcu::callbacks_pending(&deleters)))) return;
  told = true;
  char who[200];
  os::report(GS_REPORT_EXIT_UNDRAINED,
             "the process exits with %lu object%s retired under hazard pointers: %s", left,
             base::plural(left), describe_reason(left, who, sizeof who));
}

// A deleter that called exit() cannot return before it does.
bool anything_left(unsigned round) noexcept {
  return any_retired() || ((round == 0 || !deleting()) && rcu::callbacks_pending(&deleters));
}

// Once before the default domain is drained, for deleters post callbacks, and once after it, for
// callbacks retire. Inside a section nothing is waited for: a deleter may wait for its end.
void drain_at_exit() noexcept {
  if (gs_load_relaxed(&os::settings.at_exit) == os::exit_policy::leave) return;
  if (os::exit_cut_short()) return;
  rcu::deadline_scope limit(os::exit_deadline_ns());
  bool goes_on = !rcu::in_any_reader();
  for (unsigned round = 0; anything_left(round); ++round) {
    if (!goes_on || round == rounds_most) return report_left();
    goes_on = wait_for_retired_before(any, "exit");
  }
}

// ---- fork ----

void prepare_shards() noexcept {
  for (shard& s : shards) s.lock.lock();
}
void parent_shards() noexcept {
  for (shard& s : shards) s.lock.unlock();
}
void child_shards() noexcept {
  for (shard& s : shards) s.lock.reset_in_child();
}
void prepare_slots() noexcept {
  scan_lock.lock();
  slots_before_fork();
}
void child_slots() noexcept {
  scan_lock.reset_in_child();
  slots_after_fork_in_child();
}

[[gnu::constructor(105)]] void start_hazard() noexcept {
  constexpr int slots_first = 5;
  constexpr auto rank_of = [](sync::rank r) { return static_cast<int>(r); };
  rcu::add_unread_domain(deleters, "hazard pointers");
  rcu::set_hazard_hooks({count, [] { (void)scan(); }, wait_for_owner});
  sync::on_thread_end(slots_first, end_thread_slots);
  os::on_process_exit(rank_of(sync::rank::hazards), drain_at_exit);
  os::on_process_exit(rank_of(sync::rank::shard) + 1, drain_at_exit);
  os::on_fork({os::after_fork_rank, [] {}, [] {}, disarm_poll_in_child});
  os::on_fork(
      {rank_of(sync::rank::hazard_scan), prepare_slots, [] { scan_lock.unlock(); }, child_slots});
  os::on_fork({rank_of(sync::rank::hazards), prepare_shards, parent_shards, child_shards});
}

}  // namespace
}  // namespace graceslab::hazard
