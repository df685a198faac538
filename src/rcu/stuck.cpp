// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/callbacks.md, claim 13
#include "rcu/stuck.hpp"

#include "base/format.hpp"
#include "os/config.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/rcu.hpp"
#include "rcu/watch.hpp"
#include "sync/overdue.hpp"

namespace graceslab::rcu {
namespace {

constexpr unsigned named_max = 4;  // by one look
constexpr unsigned looks_per_limit = 4;

struct stuck : sync::overdue {
  char settled[240] = "";  // who settles its owner meanwhile
};

std::uint64_t looked_ms;  // guarded by runners_lock

// Under runners_lock, as all up to the next blank line. False: it runs nothing, or was not seen
// before.
bool seen_for(runner& r, std::uint64_t now, stuck* found) noexcept {
  // ORDER stuck.look <-> stuck.begin   (docs/ordering/callbacks.md, claim 13)
  // The function first: the age that is read afterwards is its own, or a later one's and smaller.
  found->func = gs_load_acquire(&r.func);
  if (!found->func || r.waiting != 0) return false;
  found->tid = r.tid;
  return sync::seen_before(r, now, &found->age_ms);
}
bool due(runner& r, std::uint64_t now, stuck* found) noexcept {
  if (!seen_for(r, now, found) || !sync::report_is_due(r, found->age_ms)) return false;
  describe_settlers(r, found->settled, sizeof found->settled);
  return true;
}

std::size_t describe(const stuck& s, running_stack stack, char* text, std::size_t bytes) noexcept {
  char lines[1600] = "";
  if (stack == running_stack::told) os::describe_thread(s.tid, lines, sizeof lines);
  base::writer out(text, bytes);
  out.add_from([&s](char* rest, std::size_t n) { sync::describe(s, "callback", "", rest, n); });
  out.add("%s%s", s.settled, lines);
  return out.written();
}

}  // namespace

std::uint64_t look_ms() noexcept {
  return gs_load_relaxed(&os::settings.stall_ms) / looks_per_limit + 1;
}

bool look_for_stuck() noexcept {
  stuck found[named_max];
  unsigned n = 0;
  {
    sync::lock_guard guard(runners_lock);
    if (!runners) return false;
    const std::uint64_t now = sync::overdue_now_ms();
    if (now - looked_ms < look_ms()) return true;
    looked_ms = now;
    for (runner* r = runners; r && n < named_max; r = r->next) n += due(*r, now, &found[n]);
  }
  for (unsigned i = 0; i < n; ++i) {
    char text[2400];
    describe(found[i], running_stack::told, text, sizeof text);
    os::report(GS_REPORT_STALL, "%s", text);
  }
  return true;
}

std::size_t describe_running(gs_domain* d, running_stack stack, char* text,
                             std::size_t bytes) noexcept {
  stuck oldest;
  bool any = false;
  {
    const std::uint32_t self = os::tid();
    sync::lock_guard guard(runners_lock);
    const std::uint64_t now = sync::overdue_now_ms();
    for (runner* r = runners; r; r = r->next) {
      stuck found;
      if (r->tid == self || r->domain != d) continue;
      seen_for(*r, now, &found);
      if (!found.func || (any && found.age_ms <= oldest.age_ms)) continue;
      found.tid = r->tid;
      oldest = found;
      any = true;
    }
  }
  return any ? describe(oldest, stack, text, bytes) : 0;
}

}  // namespace graceslab::rcu
