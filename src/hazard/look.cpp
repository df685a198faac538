// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Who protects what: for waits, reports, and whoever settles an owner. A protector that stays is
// named, never worked around.
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
void for_each_picked(const pick& which, Use use) noexcept {
  for (shard& s : shards) {
    sync::lock_guard guard(s.lock);
    for (const gs_hazard_head* h = s.retired.first; h; h = next_of(h))
      if (which.is(*h, which.arg)) use(*h);
  }
}

struct protector {
  const void* object = nullptr;
  std::uint32_t tid = 0;
};

// Of a thread, or of any (0).
protector find_protector(const pick& which, std::uint32_t tid) noexcept {
  protector found;
  sync::lock_guard turn(scan_lock);
  for_each_picked(which, [&found, tid](const gs_hazard_head& h) {
    if (found.object) return;
    for_each_slot([&](const gs_hazard_slot& s) {
      const std::uint32_t whose = gs_load_relaxed(&s.tid);
      if (look_at(s) == &h && (tid == 0 || whose == tid)) found = {&h, whose};
    });
  });
  return found;
}

void report_overdue(const pick& which, const char* what, std::uint64_t age_ms) noexcept {
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

void look_whether_overdue(sync::overdue_clock& clock, const pick& which,
                          const char* what) noexcept {
  std::uint64_t age_ms;
  if (seen_before(clock, sync::overdue_now_ms(), &age_ms) && report_is_due(clock, age_ms))
    report_overdue(which, what, age_ms);
}

}  // namespace

unsigned long count(const pick& which) noexcept {
  unsigned long n = 0;
  sync::lock_guard turn(scan_lock);
  for_each_picked(which, [&n](const gs_hazard_head&) { ++n; });
  return n;
}

bool protected_here(const pick& which) noexcept {
  return find_protector(which, os::tid()).object != nullptr;
}

std::size_t describe_protector(const pick& which, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  const protector p = find_protector(which, 0);
  if (!p.object) return 0;
  char name[32];
  os::thread_name(p.tid, name, sizeof name);
  out.add("object %p by a hazard pointer made by thread %u (%s)", p.object, p.tid, name);
  return out.written();
}

bool wait_for(const pick& which, const char* what) noexcept {
  sync::overdue_clock clock;
  rcu::unproved_watch watch(&deleters);
  for (rcu::backoff pace(rcu::effort::normal);;) {
    const bool fenced = scan();
    if (count(which) == 0) break;
    if ((!fenced && watch.lost()) || rcu::deadline_passed() || protected_here(which)) return false;
    look_whether_overdue(clock, which, what);
    (void)pace.step();
  }
  return rcu::wait_for_callbacks(&deleters);
}

}  // namespace graceslab::hazard
