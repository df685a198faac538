// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Saying what is out: at destroy, and when the splat limit passed.
#include <algorithm>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/event.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "slab/construct.hpp"
#include "slab/outstanding.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

constexpr std::uint64_t repeat_factor = 3;

using ull = unsigned long long;

void add_objects(slab::cache& c, bool retired_too, os::draft& text) noexcept {
  text.add_from([&c, retired_too](char* rest, std::size_t bytes) {
    slab::describe_outstanding(c, retired_too, rest, bytes);
  });
}

void add_destroyer(slab::cache& c, os::draft& text) noexcept {
  text.add("; destroyed by");
  text.add_from([&c](char* rest, std::size_t bytes) {
    if (os::describe_stack_id(c.destroy_stack, rest, bytes) == 0)
      base::writer(rest, bytes).add(" ?");
  });
}

void add_blocker(slab::cache& c, os::draft& text) noexcept {
  char who[256];
  if (rcu::describe_blocker(reclaim::domain_of(c), who, sizeof who) != 0)
    text.add("; held back by %s", who);
}

void add_constructor(slab::cache& c, os::draft& text) noexcept {
  os::scratch who;
  if (slab::describe_constructing(c, slab::stuck_stack::told, who.text(), who.bytes()))
    text.add("; held back by %s", who.text());
}

void splat(slab::cache& c, const tally& t, std::uint64_t age_ms) noexcept {
  os::draft text(GS_REPORT_LEAK);
  const ull out = t.live + t.leaked;
  os::event::leak(c.id, out, t.in_flight, age_ms, c.name);
  text.add(
      "cache '%s' #%u still has %llu object%s allocated and %llu retired, and %llu whose "
      "constructor runs, %llu ms after it was destroyed (the oldest is at least that old)",
      c.name, c.id, out, base::plural(out), static_cast<ull>(t.in_flight),
      static_cast<ull>(t.unborn), static_cast<ull>(age_ms));
  if (t.in_flight != 0) add_blocker(c, text);
  if (t.unborn != 0) add_constructor(c, text);
  if (t.live != 0) add_protector(c, text);
  add_destroyer(c, text);
  add_objects(c, t.live == 0, text);
}

// As long as destructors run, they may retire what is out: their time counts from the last of them.
std::uint64_t chain_due_ms(slab::cache& c) noexcept {
  sync::lock_guard hold(c.lock);
  return c.last_run_ms == 0 ? 0 : c.last_run_ms + gs_load_relaxed(&os::settings.linger_splat_ms);
}

}  // namespace

void report_objects_at_destroy(slab::cache& c, const tally& t, bool retired_too) noexcept {
  os::draft text(GS_REPORT_DESTROY_WITH_OBJECTS);
  const ull out = t.live + t.leaked;
  text.add(
      "cache '%s' #%u destroyed with %llu object%s allocated and %llu retired %s not yet "
      "reclaimed; it lingers until they are home",
      c.name, c.id, out, base::plural(out), static_cast<ull>(t.in_flight),
      t.in_flight == 1 ? "one" : "ones");
  if (t.live != 0) add_protector(c, text);
  add_destroyer(c, text);
  add_objects(c, retired_too && t.live == 0, text);
}

std::uint64_t splat_if_due(slab::cache& c, std::uint64_t now_ms) noexcept {
  if ((c.flags & slab::flag_once_fully_freed) != 0) return os::forever_ms;
  std::uint64_t age_ms;
  {
    sync::lock_guard hold(lingering_lock);
    if (slab::stage_of(c) != GS_STAGE_DRAINING) return os::forever_ms;
    c.next_splat_ms = std::max(c.next_splat_ms, chain_due_ms(c));
    if (now_ms < c.next_splat_ms) return c.next_splat_ms - now_ms;
    age_ms = now_ms - c.closed_at_ms;
    c.next_splat_ms = c.closed_at_ms + age_ms * repeat_factor;
    gs_store_relaxed(&c.splats, c.splats + 1);
  }
  tally t = count(c);
  if (t.live + t.leaked + t.in_flight + t.unborn != 0 || slab::newest_quarantine(c) != 0)
    splat(c, t, age_ms);
  notify_change();
  return age_ms * (repeat_factor - 1);
}

}  // namespace graceslab::teardown
