// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One thread for stragglers: arrays that nobody fills, grace periods that nobody drives, caches
// that linger, memory that nobody uses. When there are none it sleeps for a while and ends, and
// whoever rings next starts it anew. If it cannot start, callers drive.
// Page: docs/ordering/idle-threads.md
#include <algorithm>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"
#include "rcu/invoke.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/depots.hpp"
#include "sync/doorbell.hpp"

namespace graceslab::reclaim {
namespace {

bool reported;  // atomic
constinit sync::doorbell bell{sync::doorbell::attended::by_nobody};
// Somebody rang since the round began: a cache may have joined with nothing pending, but with a
// time of its own for a trim or a splat. Atomic; whoever rings links under active_lock first, so a
// round that clears this finds the cache.
std::uint32_t news;

// Moves when something of a destroyed cache begins to wait: then the thread looks soon. Both atomic
// and unordered: a move that it misses costs one long rest, no more.
std::uint32_t hurries;
std::uint32_t resting;  // 1: it naps until `hurries` moves

struct round {
  std::uint64_t now_ms;
  std::uint64_t sleep_ms = os::forever_ms;
  bool ages = true;       // arrays grow a tick older
  bool at_once = false;   // after a rest: what came first need not grow old
  bool draining = false;  // a destroyed cache waits for a grace period, or for us
};

void sooner(round& r, std::uint64_t ms) noexcept {
  if (ms < r.sleep_ms) r.sleep_ms = ms;
}

// First pass: what has to wait for a grace period, and for which one.
void gather(slab::cache& c) noexcept {
  std::uint64_t& wanted = rcu::room(domain_of(c)).wanted;
  wanted = std::max(wanted, newest_waiting(c));
}

bool gather_some(slab::cache** found, unsigned n, void* arg) noexcept {
  auto& r = *static_cast<round*>(arg);
  bool young = false;
  if (r.ages) defer_aged(found, n, r.at_once, &young);
  if (young) sooner(r, gs_load_relaxed(&os::settings.retire_age_ms));
  for (unsigned i = 0; i != n; ++i) gather(*found[i]);
  return true;
}

// One grace period for all caches of a domain.
void drive(gs_domain* d, void*) noexcept {
  std::uint64_t& wanted = rcu::room(d).wanted;
  if (wanted == 0) return;
  if (rcu::done(d, wanted) || rcu::try_advance(d, wanted)) wanted = 0;
  rcu::check_stall(d);
}

bool trim_some(slab::cache** found, unsigned n, void* arg) noexcept {
  trim(found, n, static_cast<round*>(arg)->now_ms);
  return true;
}

// Last pass: what is due comes home; what is idle goes to rest.
bool serve(slab::cache& c, void* arg) noexcept {
  auto& r = *static_cast<round*>(arg);
  collect(c);
  std::uint64_t tend_ms = tend_lingering(c, r.now_ms);
  if (tend_ms == 0) return true;  // gone
  std::uint32_t stage = slab::stage_of(c);
  std::uint64_t trim_ms = stage == GS_STAGE_OPEN ? ms_until_trim(c, r.now_ms) : os::forever_ms;
  bool pending = anything_pending(c) || slab::newest_quarantine(c) != 0;
  // Harvested by somebody else since we brought home what there was.
  if (stage == GS_STAGE_DRAINING && slab::any_reclaimed(c)) pending = true;
  if (pending) sooner(r, gs_load_relaxed(&os::settings.retire_age_ms));
  sooner(r, trim_ms);
  sooner(r, tend_ms);
  if (stage == GS_STAGE_OPEN && holds_surplus(c)) sooner(r, 1);  // what has just come home
  bool lingering = stage == GS_STAGE_CLOSING || stage == GS_STAGE_DRAINING;
  if (lingering && (pending || tend_ms <= 1)) r.draining = true;
  if (stage == GS_STAGE_CLOSING) sooner(r, 1);
  if (!pending && !lingering && trim_ms == os::forever_ms && !deactivate_if_idle(c)) sooner(r, 1);
  return true;
}

constexpr std::uint64_t ns_per_ms = 1'000'000;

// What it knows of its own pace from round to round.
struct pace {
  std::uint32_t seen = 0;  // of hurries
  std::uint64_t hurried_ns = 0;
  std::uint64_t aged_ns = 0;  // 0: not yet
  std::uint64_t began_cpu_ns = 0;

  // False: less than a tick after the round that aged arrays last.
  bool begin_round() noexcept {
    std::uint64_t now_ns = os::now_ns();
    std::uint32_t moved = gs_load_relaxed(&hurries);
    if (moved != seen) hurried_ns = now_ns;
    seen = moved;
    began_cpu_ns = os::thread_cpu_ns();
    const std::uint64_t tick_ns = gs_load_relaxed(&os::settings.retire_age_ms) * ns_per_ms;
    if (aged_ns != 0 && now_ns - aged_ns < tick_ns) return false;
    aged_ns = now_ns;
    return true;
  }
  void rest(bool draining) const noexcept;
};

// Usually the thread takes at most about a tenth of a core, however often it is woken. Where a
// destroyed cache waits, it looks again after an eighth of the time that this has lasted, so that
// the last page is home soon after the grace period, and a reader that stays costs ever less; it
// takes at most a third of a core then.
void pace::rest(bool draining) const noexcept {
  std::uint64_t cpu_ns = os::thread_cpu_ns() - began_cpu_ns;
  std::uint64_t tick_ns = gs_load_relaxed(&os::settings.retire_age_ms) * ns_per_ms;
  std::uint64_t usual_ns = std::clamp(10 * cpu_ns, tick_ns, 5 * tick_ns);
  std::uint64_t least_ns = std::min(std::max(2 * cpu_ns, ns_per_ms), usual_ns);
  std::uint64_t rest_ns = usual_ns;
  if (draining) rest_ns = std::clamp((os::now_ns() - hurried_ns) / 8, least_ns, usual_ns);
  os::sleep_us(least_ns / 1000);
  if (rest_ns == least_ns) return;
  gs_store_relaxed(&resting, 1u);
  os::futex_nap_us(&hurries, seen, (rest_ns - least_ns) / 1000);
  gs_store_relaxed(&resting, 0u);
}

bool has_work(void*) noexcept {
  bool found = gs_load_relaxed(&news) != 0;
  if (found) return true;
  auto look = [](slab::cache& c, void* arg) {
    bool& result = *static_cast<bool*>(arg);
    result = anything_pending(c) || slab::newest_quarantine(c) != 0 ||
             slab::stage_of(c) == GS_STAGE_CLOSING;
    return !result;
  };
  for_each_active(look, &found);
  return found;
}

// With nothing to come it sleeps once more, for the last time. True: nobody rang, and it has left.
bool sleep_or_leave(std::uint64_t ms) noexcept {
  std::uint64_t idle_ms = gs_load_relaxed(&os::settings.helper_idle_ms);
  if (ms != os::forever_ms || idle_ms == 0) return bell.sleep(has_work, nullptr, ms), false;
  return !bell.sleep(has_work, nullptr, idle_ms) && bell.leave(has_work, nullptr);
}

void run(void*) noexcept;

bool start_thread() noexcept { return os::start_thread("gs-reclaim", run, nullptr); }

void run(void*) noexcept {
  bool rested = true;
  for (pace p;;) {
    if (GS_UNLIKELY(rcu::left_by_exit()) && start_thread()) return;
    gs_store_relaxed(&news, 0u);
    round r{os::now_ms()};
    r.ages = p.begin_round();
    r.at_once = rested && r.ages && !gs_load_relaxed(&os::settings.lazy);
    for_each_active_batch(gather_some, &r);
    rcu::for_each_domain(drive, nullptr);
    for_each_active_batch(trim_some, &r);
    for_each_active(serve, &r);
    p.rest(r.draining);
    rested = r.sleep_ms > gs_load_relaxed(&os::settings.retire_age_ms);
    if (rested && sleep_or_leave(r.sleep_ms)) return;
  }
}

void start() noexcept {
  if (!gs_load_relaxed(&os::settings.background) || os::forking()) return;
  if (!bell.arrive()) return;
  if (start_thread()) return;
  bell.never_came();
  if (gs_exchange(&reported, true)) return;
  os::report(GS_REPORT_NO_THREAD,
             "the background thread could not start; retired memory is reclaimed by its users;"
             " starting is tried again");
}

void child() noexcept {
  after_fork(true);
  bell.reset_in_child();
  gs_store_relaxed(&inherited, 1u);
  gs_store_relaxed(&resting, 0u);
}
void parent() noexcept { after_fork(false); }

// Whoever was inside a global barrier is not here.
void free_barriers(gs_domain* d, void*) noexcept {
  rcu::upper_room& room = rcu::room(d);
  room.barrier_lock.reset_in_child();
  room.barriers += room.barriers & 1;
}

[[gnu::constructor]] void register_fork() {
  os::on_fork({0, [] {}, [] {}, [] { rcu::for_each_domain(free_barriers, nullptr); }});
  os::on_fork({static_cast<int>(sync::rank::active), prepare_fork, parent, child});
}

}  // namespace

std::uint32_t inherited;
void (*also_resume)() noexcept;

void resume_slow() noexcept {
  if (os::forking() || gs_exchange(&inherited, 0u) == 0) return;
  os::keep_errno keep;
  if (any_active()) wake_background();
  if (also_resume != nullptr) also_resume();
}

void hurry_background() noexcept {
  (void)gs_fetch_add_relaxed(&hurries, 1u);
  if (gs_load_relaxed(&resting) != 0) os::futex_wake(&hurries, 1);
  wake_background();
}

void wake_background() noexcept {
  if (gs_load_relaxed(&news) == 0) gs_store_relaxed(&news, 1u);  // a line that all cores share
  if (GS_UNLIKELY(!bell.ring())) start();
}

}  // namespace graceslab::reclaim
