// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Who protects what: for waits, reports, and whoever settles an owner. A protector that stays is
// named, never worked around.
#include <algorithm>

#include "base/format.hpp"
#include "hazard/slots.hpp"
#include "os/clock.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/barrier.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/unproved.hpp"
#include "rcu/whose.hpp"
#include "sync/overdue.hpp"

namespace graceslab::hazard {
namespace {

// With scan_lock held, so that nothing is on its way to the callbacks.
template <class Use>
void for_each_of(const those& which, Use use) noexcept {
  for (shard& s : shards) {
    sync::lock_guard guard(s.lock);
    for (const gs_hazard_head* h = s.retired.first; h; h = next_of(h))
      if (is_one(*h, which)) use(*h);
  }
}

struct protector {
  const void* object = nullptr;
  std::uint32_t tid = 0;
};

// Of a thread, or of any (0).
protector find_protector(const those& which, std::uint32_t tid) noexcept {
  protector found;
  sync::lock_guard turn(scan_lock);
  for_each_of(which, [&found, tid](const gs_hazard_head& h) {
    if (found.object) return;
    for_each_slot([&](const gs_hazard_slot& s) {
      const std::uint32_t whose = gs_load_relaxed(&s.tid);
      if (look_at(s) == &h && (tid == 0 || whose == tid)) found = {&h, whose};
    });
  });
  return found;
}

void report_overdue(const those& which, const char* what, std::uint64_t age_ms) noexcept {
  const protector p = find_protector(which, 0);
  if (!p.object) return;
  char name[32], lines[1200] = "";
  os::thread_name(p.tid, name, sizeof name);
  if (p.tid != os::tid()) (void)os::describe_thread(p.tid, lines, sizeof lines);
  os::report(GS_REPORT_STALL,
             "%s has waited for at least %llu ms: object %p is retired, and a hazard pointer "
             "made by thread %u (%s) protects it%s",
             what, static_cast<unsigned long long>(age_ms), p.object, p.tid, name, lines);
}

void look_whether_overdue(sync::overdue_clock& clock, const those& which,
                          const char* what) noexcept {
  std::uint64_t age_ms;
  if (seen_before(clock, sync::overdue_now_ms(), &age_ms) && report_is_due(clock, age_ms))
    report_overdue(which, what, age_ms);
}

}  // namespace

unsigned long count(const those& which) noexcept {
  unsigned long n = 0;
  sync::lock_guard turn(scan_lock);
  for_each_of(which, [&n](const gs_hazard_head&) { ++n; });
  return n;
}

// In the order in which they go, from the lists to the queues and then to who runs them; and the
// lists once more, for those that deleters retired meanwhile.
unsigned long count_unended(const those& which) noexcept {
  const unsigned long listed = count(which);
  const unsigned long handed_in = rcu::count_pending(&deleters, which);
  return handed_in + std::max(listed, count(which));
}

bool protected_here(const those& which) noexcept {
  return find_protector(which, os::tid()).object != nullptr;
}

std::size_t describe_protector(const those& which, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  const protector p = find_protector(which, 0);
  if (!p.object) return 0;
  char name[32];
  os::thread_name(p.tid, name, sizeof name);
  out.add("object %p by a hazard pointer made by thread %u (%s)", p.object, p.tid, name);
  return out.written();
}

namespace {

bool any_aside(const those& which) noexcept {
  sync::lock_guard turn(scan_lock);
  sync::lock_guard guard(shards[aside].lock);
  for (const gs_hazard_head* h = shards[aside].retired.first; h; h = next_of(h))
    if (is_one(*h, which)) return true;
  return false;
}

bool wait_while(bool (*left)(const those&), const those& which, const char* what) noexcept {
  sync::overdue_clock clock;
  rcu::unproved_watch watch(&deleters);
  for (rcu::backoff pace(rcu::effort::normal);;) {
    (void)scan();
    if (!left(which)) return true;
    if (rcu::deadline_passed() || protected_here(which)) return false;
    look_whether_overdue(clock, which, what);
    if (pace.step() && watch.lost()) return false;
  }
}

}  // namespace

bool wait_for_protectors(const those& which, const char* what) noexcept {
  return wait_while([](const those& w) { return count(w) != 0; }, which, what);
}

bool wait_for_retired_before(const those& which, const char* what) noexcept {
  set_aside();
  const bool all_free = wait_while(any_aside, which, what);
  return rcu::wait_for_callbacks(&deleters) && all_free;
}

bool wait_for(const those& which, const char* what) noexcept {
  do {
    if (!wait_for_protectors(which, what) || !rcu::wait_for_those(&deleters, which)) return false;
  } while (count_unended(which) != 0);  // deleters may retire more of them
  return true;
}

void run_handed_in(const those& which) noexcept { rcu::run_those(&deleters, which); }

}  // namespace graceslab::hazard
