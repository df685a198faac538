// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/callbacks.md, claim 13
#include "rcu/stuck.hpp"

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/rcu.hpp"
#include "rcu/watch.hpp"

namespace graceslab::rcu {
namespace {

constexpr unsigned named_max = 4;  // by one look
constexpr unsigned looks_per_limit = 4;

struct stuck {
  const void* func = nullptr;
  std::uint32_t tid = 0;
  std::uint64_t age_ms = 0;
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
  const std::uint64_t since = gs_load_relaxed(&r.since_ms);
  if (since == 0) {
    gs_store_relaxed(&r.since_ms, now);
    r.said = 0;
    return false;
  }
  found->tid = r.tid;
  found->age_ms = now > since ? now - since : 0;
  return true;
}
bool due(runner& r, std::uint64_t now, stuck* found) noexcept {
  if (!seen_for(r, now, found)) return false;
  const std::uint64_t limit = gs_load_relaxed(&os::settings.stall_ms);
  if (found->age_ms < limit * (r.said == 0 ? 1 : 3 * r.said)) return false;
  r.said = static_cast<std::uint32_t>(found->age_ms / (3 * limit) + 1);
  describe_settlers(r, found->settled, sizeof found->settled);
  return true;
}

std::uint64_t now_not_0() noexcept {
  const std::uint64_t now = os::now_ms();
  return now ? now : 1;
}

std::size_t describe(const stuck& s, char* text, std::size_t bytes) noexcept {
  char callback[240], thread[32], lines[1600] = "";
  os::describe_function(s.func, callback, sizeof callback);
  os::thread_name(s.tid, thread, sizeof thread);
  os::describe_thread(s.tid, lines, sizeof lines);
  base::writer out(text, bytes);
  out.add("callback %s has been running for at least %llu ms in thread %u (%s)%s%s", callback,
          static_cast<unsigned long long>(s.age_ms), s.tid, thread, s.settled, lines);
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
    const std::uint64_t now = now_not_0();
    if (now - looked_ms < look_ms()) return true;
    looked_ms = now;
    for (runner* r = runners; r && n < named_max; r = r->next) n += due(*r, now, &found[n]);
  }
  for (unsigned i = 0; i < n; ++i) {
    char text[2400];
    describe(found[i], text, sizeof text);
    os::report(GS_REPORT_STALL, "%s", text);
  }
  return true;
}

std::size_t describe_running(gs_domain* d, char* text, std::size_t bytes) noexcept {
  stuck oldest;
  bool any = false;
  {
    const std::uint32_t self = os::tid();
    sync::lock_guard guard(runners_lock);
    const std::uint64_t now = now_not_0();
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
  return any ? describe(oldest, text, bytes) : 0;
}

}  // namespace graceslab::rcu
