// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "rcu/worker.hpp"

#include <algorithm>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/hooks.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/invoke.hpp"
#include "rcu/run.hpp"
#include "sync/doorbell.hpp"

namespace graceslab::rcu {
namespace {

constexpr unsigned workers_max = 16;
constexpr unsigned no_limit = ~0u;
constexpr std::uint64_t slow_us =
    50'000;  // a callback that runs for so long gets the leader deposed
constexpr std::uint64_t poll_min_us = 50, poll_max_us = 10'000;

struct alignas(GS_CACHE_LINE) activity {
  std::uint32_t busy;      // running callbacks
  std::uint64_t progress;  // moves with every callback and every turn
};

constinit sync::mutex pool_lock{sync::rank::runners};
// Changed under pool_lock. leader == 0 <=> threads == 0 <=> nobody attends the bell.
std::uint32_t threads;
std::uint32_t numbers;  // bit per worker that exists; numbers begin with 1
std::uint32_t leader;   // number; 0 = none; also read without the lock
std::uint32_t
    watcher;  // number of the one that looks every 50 ms, or 0; also read without the lock
std::uint32_t standing_by;  // workers that do not lead and are not inside a callback
std::uint32_t forks;        // workers of before a fork retire
bool reported;
activity workers[workers_max + 1];
constinit sync::doorbell bell{sync::doorbell::attended::by_nobody};  // the leader sleeps here
constinit sync::event wanted;                                        // the others sleep here

void work(void* arg);

unsigned threads_allowed() noexcept {
  const std::uint64_t n = gs_load_relaxed(&os::settings.callback_workers);
  return n < 1 ? 1 : n > workers_max ? workers_max : static_cast<unsigned>(n);
}

// Under pool_lock, as all up to the next blank line.
std::uint32_t enlist() noexcept {
  const auto number = static_cast<std::uint32_t>(__builtin_ctz(~(numbers | 1u)));
  numbers |= 1u << number;
  ++threads;
  return number;
}
void discharge(std::uint32_t number) noexcept {
  numbers &= ~(1u << number);
  --threads;
}

std::uint64_t idle_ms() noexcept {
  const std::uint64_t ms = gs_load_relaxed(&os::settings.helper_idle_ms);
  return ms == 0 ? os::forever_ms : ms;
}

void report_no_thread() noexcept {
  if (gs_exchange(&reported, true)) return;
  os::report(GS_REPORT_NO_THREAD,
             "no background thread for callbacks could be started: they run in rcu_barrier and "
             "drains; starting is tried again at each post and wait");
}

bool start_worker(std::uint32_t number) noexcept {
  if (os::start_thread("gs-callback", work, reinterpret_cast<void*>(std::uintptr_t{number})))
    return true;
  report_no_thread();
  return false;
}

void start_leader() noexcept {
  if (!gs_load_relaxed(&os::settings.background) || os::forking()) return;
  std::uint32_t number;
  {
    sync::lock_guard guard(pool_lock);
    if (leader != 0) return;
    number = enlist();
    gs_store_relaxed(&leader, number);
    (void)bell.arrive();
  }
  if (start_worker(number)) return;
  sync::lock_guard guard(pool_lock);
  discharge(number);
  gs_store_relaxed(&leader, 0u);
  bell.never_came();
}

// ---- the leader ----

bool leads(std::uint32_t me) noexcept { return gs_load_relaxed(&leader) == me; }

// Somebody must look after a leader that runs callbacks: wakes a worker that stands by, or starts
// one.
void call_for_watcher() noexcept {
  // ORDER worker.busy <-> worker.watch   (docs/ordering/callbacks.md, claim 10)
  if (gs_load_seq_cst(&watcher) != 0 || threads_allowed() == 1) return;
  std::uint32_t number = 0;
  {
    sync::lock_guard guard(pool_lock);
    if (standing_by == 0 && threads < threads_allowed()) {
      number = enlist();
      ++standing_by;  // from now on, so that nobody starts another one meanwhile
    }
  }
  wanted.notify_all();
  if (number == 0 || start_worker(number)) return;
  sync::lock_guard guard(pool_lock);
  discharge(number);
  --standing_by;
}

struct turn {
  std::uint32_t me;
  std::uint64_t until_ns;
  unsigned left = 0;          // callbacks before others are to get a turn
  const shard* at = nullptr;  // whose callbacks run
  bool ran = false;
  bool held_back = false;           // a grace period is pending
  std::uint64_t due_ms = never_ms;  // when a batch wants to be sealed
};

// Any queue but that one which wants attention before that time.
bool due_before(std::uint64_t ms, const shard* but) noexcept {
  for (gs_domain* d = first_domain(); d; d = next_domain(d))
    for (const shard& s : d->shards)
      if (&s != but && gs_load_relaxed(&s.due_ms) < ms) return true;
  return false;
}

// Sealed, be they ready or not.
bool others_wait(const shard* at) noexcept { return due_before(1, at); }

// Where nobody else wants one, a turn lasts as long as the cap lets it.
bool goes_on(turn& t) noexcept {
  constexpr unsigned until_next_look = 64;  // posters write to the lines that are looked at
  if (t.left == 0 && !others_wait(t.at)) t.left = until_next_look;
  return t.left != 0;
}

bool keep_on(void* arg) noexcept {
  auto* t = static_cast<turn*>(arg);
  activity& mine = workers[t->me];
  gs_store_relaxed(&mine.progress, mine.progress + 1);
  constexpr std::uint64_t clock_every = 8;  // reading it costs as much as a short callback
  --t->left;
  return leads(t->me) && goes_on(*t) &&
         (mine.progress % clock_every != 0 || os::now_ns() < t->until_ns);
}

void set_busy(std::uint32_t me, bool on) noexcept {
  gs_store_relaxed(&workers[me].progress, workers[me].progress + 1);
  // ORDER worker.busy <-> worker.watch   (docs/ordering/callbacks.md, claim 10)
  gs_store_seq_cst(&workers[me].busy, on ? 1u : 0u);
}

// Seals what is due. The cookie of the oldest callback that waits sealed, or 0.
std::uint64_t seal_due(gs_domain* d, turn& t) noexcept {
  std::uint64_t oldest = 0;
  for (shard& s : d->shards) {
    std::uint64_t due = gs_load_relaxed(&s.due_ms);
    if (due == never_ms) continue;
    if (due > os::now_ms()) {
      if (due < t.due_ms) t.due_ms = due;
      continue;
    }
    sync::lock_guard guard(s.lock);
    seal_aged(d, s);
    for (const batch* b = s.first; b; b = b->next) {
      if (!b->sealed || b->taken == b->count) continue;
      if (oldest == 0 || b->cookie < oldest) oldest = b->cookie;
      break;
    }
  }
  return oldest;
}

void run_some(gs_domain* d, turn& t) noexcept {
  static unsigned start;  // the leader's: shards take turns
  const std::uint64_t share = std::max({gs_load_relaxed(&os::settings.callback_batch),
                                        count_callbacks(d).left() / 128, std::uint64_t{1}});
  t.left = static_cast<unsigned>(share);
  t.until_ns = os::now_ns() + gs_load_relaxed(&os::settings.callback_cap_ms) * 1'000'000;
  set_busy(t.me, true);
  call_for_watcher();
  const unsigned from = gs_fetch_add_relaxed(&start, 1u);
  for (unsigned i = 0; i < shards_max && t.left != 0 && leads(t.me); ++i) {
    shard& s = d->shards[(from + i) % shards_max];
    t.at = &s;
    if (run_shard(d, s, {}, no_limit, keep_on, &t) != 0) t.ran = true;
  }
  set_busy(t.me, false);
}

void turn_in(gs_domain* d, turn& t) noexcept {
  const std::uint64_t cookie = seal_due(d, t);
  if (cookie == 0) return;
  if (try_advance(d, cookie)) return run_some(d, t);
  t.held_back = true;
  check_stall(d);
}

// Anything that wants attention before the time we are about to sleep until?
bool sooner(void* arg) noexcept {
  return due_before(*static_cast<const std::uint64_t*>(arg), nullptr);
}

// While others run callbacks we look now and then whether one is stuck: whoever waits for it may
// be the one that runs it. False: for the idle time nothing was to be done, and nothing is to come.
bool rest(std::uint64_t due_ms, bool others_run) noexcept {
  std::uint64_t timeout = others_run ? look_ms() : idle_ms();
  if (due_ms != never_ms) {
    const std::uint64_t now = os::now_ms();
    timeout = std::min(timeout, due_ms > now ? due_ms - now : 0);
  }
  const bool rung = timeout == 0 || bell.sleep(sooner, &due_ms, timeout);
  return rung || others_run || due_ms != never_ms;
}

// The last of all workers ends. Its bell is left under the pool's lock, which whoever finds nobody
// there takes to start the next one.
bool leader_ends(std::uint32_t me) noexcept {
  std::uint64_t nothing_due = never_ms;
  sync::lock_guard guard(pool_lock);
  if (leader != me || threads != 1 || !bell.leave(sooner, &nothing_due)) return false;
  discharge(me);
  gs_store_relaxed(&leader, 0u);
  return true;
}

// A new thread goes on under our number, as what we are.
bool is_replaced(std::uint32_t me) noexcept { return left_by_exit() && start_worker(me); }

// False: it ended. Else it was deposed.
bool lead(std::uint32_t me) noexcept {
  std::uint64_t pause_us = poll_min_us;
  while (leads(me)) {
    if (GS_UNLIKELY(is_replaced(me))) return false;
    turn t{me, 0};
    for (gs_domain* d = first_domain(); d && leads(me); d = next_domain(d)) turn_in(d, t);
    if (t.ran) {
      pause_us = poll_min_us;
    } else if (t.held_back) {
      os::sleep_us(pause_us);
      if (pause_us < poll_max_us) pause_us += pause_us / 2;
    } else {
      pause_us = poll_min_us;
      if (!rest(t.due_ms, look_for_stuck()) && leader_ends(me)) return false;
    }
  }
  return true;
}

// ---- the others ----

// Under pool_lock. Of workers that lead or are inside a callback; so the limit holds for those that
// were started when it was higher, too.
bool one_more_allowed() noexcept { return threads - standing_by < threads_allowed(); }

bool become_watcher(std::uint32_t me) noexcept {
  sync::lock_guard guard(pool_lock);
  if (watcher != 0 || gs_load_seq_cst(&workers[leader].busy) == 0) return false;
  gs_store_seq_cst(&watcher, me);
  return true;
}

// Looks at the leader until it rests, or takes its place.
void watch(std::uint32_t me) noexcept {
  for (;;) {
    const std::uint32_t who = gs_load_relaxed(&leader);
    const std::uint64_t progress = gs_load_relaxed(&workers[who].progress);
    os::sleep_us(slow_us);
    const bool moved = gs_load_relaxed(&workers[who].progress) != progress;
    if (moved) continue;
    sync::lock_guard guard(pool_lock);
    gs_store_seq_cst(&watcher, 0u);
    // ORDER worker.watch <-> worker.busy   (docs/ordering/callbacks.md, claim 10)
    if (gs_load_seq_cst(&workers[who].busy) == 0 || leader != who) return;
    if (!one_more_allowed()) return;  // and watches on, as it may be allowed soon
    gs_store_relaxed(&leader, me);
    --standing_by;
    return;
  }
}

// Who calls for a watcher looks at `standing_by` under the lock, after the leader said that it is
// busy: it counts us no more, or we stay.
bool stand_by_ends(std::uint32_t me) noexcept {
  sync::lock_guard guard(pool_lock);
  if (leader == me || (watcher == 0 && gs_load_seq_cst(&workers[leader].busy) != 0)) return false;
  discharge(me);
  --standing_by;
  return true;
}

// False: it ended. Else it leads.
bool stand_by(std::uint32_t me) noexcept {
  while (!leads(me)) {
    const std::uint32_t ticket = wanted.ticket();
    if (become_watcher(me))
      watch(me);
    else if (!wanted.wait(ticket, idle_ms()) && stand_by_ends(me))
      return false;
  }
  return true;
}

void work(void* arg) {
  const auto me = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(arg));
  const std::uint32_t born = gs_load_relaxed(&forks);
  for (;;) {
    while (gs_load_relaxed(&forks) != born)
      os::sleep_us(~0u);  // a callback forked: in the child we are nobody
    if (is_replaced(me) || (!leads(me) && !stand_by(me))) return;
    if (!lead(me)) return;
    sync::lock_guard guard(pool_lock);
    if (forks == born) ++standing_by;
  }
}

}  // namespace

void wake_worker() noexcept {
  if (GS_UNLIKELY(!bell.ring())) start_leader();
}

bool callers_drive() noexcept { return gs_load_relaxed(&leader) == 0; }

void lock_workers() noexcept { pool_lock.lock(); }
void unlock_workers() noexcept { pool_lock.unlock(); }

void workers_after_fork_in_child() noexcept {
  pool_lock.reset_in_child();
  threads = numbers = standing_by = 0;
  gs_store_relaxed(&leader, 0u);
  gs_store_relaxed(&watcher, 0u);
  gs_store_relaxed(&forks, forks + 1);
  for (activity& a : workers) a = {};
  bell.reset_in_child();
  wanted.reset_in_child();
}

}  // namespace graceslab::rcu
