// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What filling an array costs its retirer: nothing, a look at the grace period, or, when a limit
// was set and is met, what the limit's policy says.
#include <algorithm>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"
#include "rcu/grace_period.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/depots.hpp"
#include "slab/transit.hpp"

namespace graceslab::reclaim {
namespace {

constexpr std::uint64_t hands_wait_us = 500;
constexpr std::uint64_t depth_bytes = std::uint64_t{768}
                                      << 10;  // about half of a second-level cache

// The limit that is exceeded, if any: the cache's, else that of its domain.
struct excess {
  std::uint64_t bytes = 0;  // in flight
  std::uint64_t limit = 0;  // 0: nothing is exceeded
  int policy = GS_PRESSURE_EXPEDITE;
  bool of_domain = false;
};

// Who blocks does so in time: before the retirer's next array, which is out of sight until it is
// full, passes the limit.
bool exceeds(const slab::cache& c, std::uint64_t bytes, std::uint64_t limit, int policy) noexcept {
  std::uint64_t array = std::uint64_t{c.sheaf_capacity} * c.stride;
  return bytes > (policy == GS_PRESSURE_BLOCK && limit > array ? limit - array : limit);
}

excess over_limit(slab::cache& c, gs_domain* d, std::uint64_t depth) noexcept {
  if (c.pending_limit_bytes != 0 && exceeds(c, depth * c.stride, c.pending_limit_bytes, c.pressure))
    return {depth * c.stride, c.pending_limit_bytes, c.pressure, false};
  gs_domain_options o = rcu::domain_options(d);
  // Counted after the fact on both sides, so it may be below zero for a moment.
  auto pending = static_cast<std::int64_t>(gs_load_relaxed(&rcu::room(d).pending_bytes));
  if (o.pending_limit_bytes == 0 || pending <= 0) return {};
  auto bytes = static_cast<std::uint64_t>(pending);
  if (!exceeds(c, bytes, o.pending_limit_bytes, o.pressure)) return {};
  return {bytes, o.pending_limit_bytes, o.pressure, true};
}

void report_over(slab::cache& c, gs_domain* d, const excess& over) noexcept {
  // Once each time the limit is met again, not per array.
  if (gs_exchange(&rcu::room(d).over_limit, std::uint64_t{1}) != 0) return;
  char who[256] = "";
  rcu::describe_blocker(d, who, sizeof who);
  os::report(GS_REPORT_OVER_LIMIT,
             "cache '%s': %llu retired bytes in flight%s%s%s are over the limit of %llu%s%s",
             c.name, static_cast<unsigned long long>(over.bytes),
             over.of_domain ? " in domain '" : "", over.of_domain ? rcu::domain_name(d) : "",
             over.of_domain ? "'" : "", static_cast<unsigned long long>(over.limit),
             who[0] != 0 ? "; held back by " : "", who);
}

// Of all that waits in this cache, in arrays or by state byte.
std::uint64_t oldest_cookie(slab::cache& c) noexcept {
  const std::uint64_t array = in_flight(c).oldest, mark = slab::oldest_mark(c);
  return array != 0 && (mark == 0 || array < mark) ? array : mark;
}
std::uint64_t newest_cookie(slab::cache& c) noexcept {
  const std::uint64_t mark = slab::marked_objects(c) != 0 ? slab::newest_mark(c) : 0;
  return std::max(in_flight(c).newest, mark);
}

// What others carry home at the moment is on no list, and they may be off their core: whoever
// blocks lets them go first. Not for ever: they may be inside a constructor.
excess over_limit_now(slab::cache& c, gs_domain* d) noexcept {
  const bool waits =
      c.pending_limit_bytes != 0 && c.pressure == GS_PRESSURE_BLOCK && rcu::may_wait();
  for (unsigned patience = waits ? 10 : 0;; --patience) {
    const excess over = over_limit(c, d, slab::deferred_objects(c) + slab::marked_objects(c));
    const bool of_cache = over.limit != 0 && !over.of_domain;
    if (patience == 0 || of_cache || slab::hands_empty(c)) return over;
    (void)slab::await_hands(c, hands_wait_us);
  }
}

// Marked objects wait for the cookie of their slab or the one after, so the first wait may bring
// home too few.
void block(slab::cache& c, gs_domain* d) noexcept {
  for (int round = 0; round != 2; ++round) {
    const std::uint64_t newest = newest_cookie(c);
    if (newest == 0 || !rcu::wait_or_leak(d, newest)) return;
    collect(c);
    if (slab::marked_objects(c) == 0 || over_limit_now(c, d).limit == 0) return;
  }
}

void apply_limit(slab::cache& c, gs_domain* d) noexcept {
  const excess over = over_limit_now(c, d);
  if (over.limit == 0) {
    if (gs_load_relaxed(&rcu::room(d).over_limit) != 0)
      gs_store_relaxed(&rcu::room(d).over_limit, std::uint64_t{0});
    return;
  }
  collect(c);
  const std::uint64_t oldest = oldest_cookie(c);
  if (oldest == 0) return;
  if (rcu::try_advance(d, oldest)) return collect(c);
  if (over.policy == GS_PRESSURE_REPORT) return report_over(c, d, over);
  if (over.policy == GS_PRESSURE_BLOCK && rcu::may_wait()) block(c, d);
}

// Those marked one by one drive no more often than arrays do.
bool fills_an_array(const slab::cache& c, std::uint32_t n, std::uint64_t depth) noexcept {
  return n != 1 || c.sheaf_capacity <= 1 || depth % c.sheaf_capacity == 0;
}

// What is due, at the price of a harvest alone where nothing is marked.
void bring_home(slab::cache& c) noexcept {
  slab::marked_objects(c) != 0 ? collect(c) : (void)slab::harvest(c);
}

bool has_limit(slab::cache& c, gs_domain* d) noexcept {
  return c.pending_limit_bytes != 0 || rcu::domain_options(d).pending_limit_bytes != 0;
}

}  // namespace

std::uint64_t threshold_of(const slab::cache& c) noexcept {
  std::uint64_t most = gs_load_relaxed(&os::settings.retire_threshold);
  std::uint64_t by_bytes = c.stride != 0 ? depth_bytes / c.stride : 1;
  std::uint64_t least = std::max(2 * std::uint64_t{c.sheaf_capacity}, std::uint64_t{2});
  if (by_bytes < least) by_bytes = least;
  return by_bytes < most ? by_bytes : most;
}

void deferred(slab::cache& c, std::uint32_t n, std::uint64_t depth) noexcept {
  gs_domain* d = domain_of(c);
  rcu::upper_room& room = rcu::room(d);
  (void)gs_fetch_add_relaxed(&room.pending_bytes, std::uint64_t{n} * c.stride);
  (void)gs_fetch_add_relaxed(&room.retired, std::uint64_t{n});
  activate(c);
  if (depth >= threshold_of(c) && fills_an_array(c, n, depth)) {
    // The oldest, so that a grace period held back by a reader is polled and not started again for
    // every array.
    const std::uint64_t oldest = oldest_cookie(c);
    if (oldest != 0 && rcu::try_advance(d, oldest)) bring_home(c);
  }
  if (depth != 0 && GS_UNLIKELY(has_limit(c, d)) && slab::stage_of(c) == GS_STAGE_OPEN)
    apply_limit(c, d);
}

void reclaimed(slab::cache& c, std::uint32_t n) noexcept {
  rcu::upper_room& room = rcu::room(domain_of(c));
  (void)gs_fetch_add_relaxed(&room.pending_bytes, 0 - std::uint64_t{n} * c.stride);
  (void)gs_fetch_add_relaxed(&room.reclaimed, std::uint64_t{n});
}

void weigh(slab::cache& c, std::int64_t bytes) noexcept {
  (void)gs_fetch_add_relaxed(&rcu::room(domain_of(c)).pending_bytes,
                             static_cast<std::uint64_t>(bytes));
}

}  // namespace graceslab::reclaim
