// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Owners that go, threads that end, processes that fork or exit. Contract I3, I4, I8.
//
// Fork        prepare takes the locks of this layer by rank, so no scan is under way; in the child
// other threads protect nothing, and what they retired is in the lists still.
#include "base/format.hpp"
#include "hazard/slots.hpp"
#include "os/config.hpp"
#include "os/exit.hpp"
#include "os/hooks.hpp"
#include "os/report.hpp"
#include "rcu/barrier.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/queue.hpp"
#include "rcu/whose.hpp"

namespace graceslab::hazard {
namespace {

bool is_of(const gs_hazard_head& h, const void* arg) noexcept {
  return static_cast<const rcu::whose*>(arg)->has(h.owner, reinterpret_cast<const void*>(h.func),
                                                  &h);
}
bool is_any(const gs_hazard_head&, const void*) noexcept { return true; }

// ---- owners ----

unsigned long pending_of(const rcu::whose& owner) { return count({is_of, &owner}); }

// The code is about to go: the memory leaks, nobody jumps into the void.
unsigned long drop(const rcu::whose& owner) noexcept {
  unsigned long n = 0;
  sync::lock_guard turn(scan_lock);
  for (shard& s : shards) {
    sync::lock_guard guard(s.lock);
    for (std::uint64_t left = s.retired.count; left != 0; --left) {
      gs_hazard_head* h = take_first(s.retired);
      if (!is_of(*h, &owner)) {
        append(s.retired, h);
        continue;
      }
      rcu::unmark(&h->head);
      ++n;
    }
  }
  return n;
}

unsigned long wait_for_protectors(const rcu::whose& owner) {
  const pick all = {is_of, &owner};
  if (count(all) == 0) return 0;
  char what[300];
  base::writer(what, sizeof what).add("the end of %s", owner.name);
  return wait_for(all, what) ? 0 : drop(owner);
}

// ---- exit ----

void report_left() noexcept {
  const pick all = {is_any, nullptr};
  const unsigned long left = count(all);
  if (left == 0 && (deleting() || !rcu::callbacks_pending(&deleters))) return;
  char who[200];
  if (describe_protector(all, who, sizeof who) == 0)
    base::writer(who, sizeof who).add(left == 0 ? "deleters have not returned" : "no fence works");
  os::report(GS_REPORT_EXIT_UNDRAINED,
             "the process exits with %lu object%s retired under hazard pointers: %s", left,
             base::plural(left), who);
}

void drain_at_exit() noexcept {
  if (gs_load_relaxed(&os::settings.at_exit) == os::exit_policy::leave) return;
  if (os::exit_cut_short() || (!any_retired() && !rcu::callbacks_pending(&deleters))) return;
  rcu::deadline_scope limit(os::exit_deadline_ns());
  if (!wait_for({is_any, nullptr}, "exit")) report_left();
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
void child_slots() noexcept {
  scan_lock.reset_in_child();
  slots_after_fork_in_child();
  poll_after_fork_in_child();
}

[[gnu::constructor(105)]] void start_hazard() noexcept {
  constexpr int slots_first = 5;
  constexpr auto rank_of = [](sync::rank r) { return static_cast<int>(r); };
  rcu::add_unread_domain(deleters, "hazard pointers");
  rcu::set_hazard_hooks({pending_of, [] { (void)scan(); }, wait_for_protectors});
  sync::on_thread_end(slots_first, end_thread_slots);
  os::on_process_exit(rank_of(sync::rank::hazards), drain_at_exit);
  os::on_fork({rank_of(sync::rank::hazard_scan), [] { scan_lock.lock(); },
               [] { scan_lock.unlock(); }, child_slots});
  os::on_fork({rank_of(sync::rank::hazards), prepare_shards, parent_shards, child_shards});
}

}  // namespace
}  // namespace graceslab::hazard
