// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Work per object at harvest: destructors (the owner's code), page runs, and objects that were
// retired by state byte.
//
// - Invariant: one thread at a time does this for a cache (ripe_running), so whoever waits for the
//   present run waits for everything that was taken before. Nothing here is called under a lock.
#include "os/cancel.hpp"
#include "os/clock.hpp"
#include "os/event.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/invoke.hpp"
#include "rcu/worker.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/debug.hpp"
#include "slab/depots.hpp"
#include "slab/guard.hpp"
#include "slab/large.hpp"
#include "sync/event.hpp"

namespace graceslab::reclaim {
namespace {

constexpr std::uint32_t marked_batch = 64;
constexpr std::uint64_t oldest_root = 1;  // whose retire began it is not known of a marked object
constexpr std::uint64_t look_again_ms = 10;  // whoever waits with a deadline

constinit sync::event run_ended;

bool needs_work(const slab::cache& c) noexcept {
  return slab::has_destructor(c) || slab::is_large(c);
}

// A destructor that waits for its own cache would wait for itself.
bool waits_for_itself(const slab::cache& c) noexcept {
  auto* dtor = gs_load_relaxed(&c.dtor);
  return dtor != nullptr && rcu::current_callback() == reinterpret_cast<const void*>(dtor);
}

enum class run_for { destructors, marked, nothing };

enum class turn { ours, another_ended, none };

// Under the lock. An empty run would look like work to whoever waits for quiet.
bool anything_for(const slab::cache& c, run_for what) noexcept {
  switch (what) {
    case run_for::destructors:
      return c.ripe.head != nullptr;
    case run_for::marked:
      return slab::marked_objects(c) != 0;
    case run_for::nothing:
      break;
  }
  return true;
}

// None: nothing to do, or somebody else is at it and we do not wait.
turn take_turn(slab::cache& c, bool wait, run_for what) noexcept {
  const std::uint32_t ticket = run_ended.ticket();
  std::uint64_t seen;
  {
    sync::lock_guard hold(c.lock);
    if (!c.ripe_running) {
      c.ripe_running = anything_for(c, what);
      return c.ripe_running ? turn::ours : turn::none;
    }
    seen = c.turns;
  }
  if (!wait || waits_for_itself(c)) return turn::none;
  for (std::uint32_t t = ticket; !rcu::deadline_passed(); t = run_ended.ticket()) {
    {
      sync::lock_guard hold(c.lock);
      if (c.turns != seen) return turn::another_ended;
    }
    (void)rcu::look_for_stuck();
    run_ended.wait(t, rcu::has_deadline() ? look_again_ms : rcu::look_ms());
  }
  return turn::none;
}

bool begin_run(slab::cache& c, bool wait, run_for what) noexcept {
  turn t;
  do {
    t = take_turn(c, wait, what);
  } while (t == turn::another_ended);
  return t == turn::ours;
}

void end_run(slab::cache& c) noexcept {
  const std::uint64_t now_ms = slab::stage_of(c) != GS_STAGE_OPEN ? os::now_ms() : 0;
  {
    sync::lock_guard hold(c.lock);
    if (c.run_root != 0) {
      ++c.runs;
      (void)gs_fetch_add(&rcu::room(domain_of(c)).runs, 1u);
      c.last_run_ms = now_ms;
    }
    c.ripe_running = false;
    ++c.turns;
    c.run_root = 0;
    c.run_count = 0;
  }
  run_ended.notify_all();
}

// Under the lock that they were taken out of their list under: a child that is forked meanwhile
// finds them there or here.
void set_run(slab::cache& c, void* const* objects, std::uint32_t n, std::uint64_t root) noexcept {
  c.run_objects = objects;
  c.run_count = n;
  c.run_root = n != 0 && slab::has_destructor(c) ? root : 0;
}

// A destructor that ends its thread instead of returning is not run again.
struct end_all {
  void (*dtor)(void*);
  void* const* next;
  void* const* end;
};
void end_some(void* arg) {
  auto* all = static_cast<end_all*>(arg);
  while (all->next != all->end) all->dtor(*all->next++);
}

// One by one, each in hand until it is counted: a child that is forked meanwhile ends the others.
void end_runs(slab::cache& c, void* const* objects, std::uint32_t n) noexcept {
  for (std::uint32_t i = 0; i != n; ++i) {
    slab::transit in_hand(c);
    weigh(c, -static_cast<std::int64_t>(slab::large_end(objects[i])));
    {
      sync::lock_guard hold(c.lock);
      c.run_objects = objects + i + 1;
      c.run_count = n - i - 1;
      ++c.reclaimed_objects;
    }
    reclaimed(c, 1);
  }
}

void end_objects(slab::cache& c, void* const* objects, std::uint32_t n) noexcept {
  if (auto* dtor = gs_load_relaxed(&c.dtor); dtor != nullptr) {  // changes only between runs
    os::cancel_off cancel;
    rcu::owner_code owned(domain_of(c), c.owner, reinterpret_cast<const void*>(dtor));
    slab::heir_scope heirs(c);
    slab::debug_destroy(c, objects, n);
    const auto* function = reinterpret_cast<const void*>(dtor);
    const char* domain_name = rcu::domain_name(domain_of(c));
    const std::uint32_t domain = rcu::domain_id(domain_of(c));
    end_all all{dtor, objects, objects + n};
    os::event::callback_begin(domain, function, *objects, domain_name);
    while (all.next != all.end) rcu::invoke(function, end_some, &all);
    os::event::callback_end(domain, function, *objects, domain_name);
    slab::debug_destroyed(c);
  }
  if (slab::is_large(c)) end_runs(c, objects, n);
}

void count_home(slab::cache& c, std::uint32_t n) noexcept {
  {
    sync::lock_guard hold(c.lock);
    c.reclaimed_objects += n;
    c.run_count = 0;
  }
  reclaimed(c, n);
}

// The sheaf's objects become allocatable (page runs: are gone).
void finish_sheaf(slab::cache& c, gs_sheaf* s) noexcept {
  std::uint32_t n = s->count;
  if (slab::is_large(c)) {
    gs_store_relaxed(&s->count, 0u);
    slab::put_empty(c, s);
    return;
  }
  {
    // Both locks at once: a child that is forked meanwhile finds the sheaf here or in the run.
    slab::depot& here = slab::depot_here(c);
    sync::lock_guard hold_here(here.lock);
    sync::lock_guard hold(c.lock);
    slab::push(here.reclaimed, s);
    c.reclaimed_objects += n;
    c.run_count = 0;
  }
  slab::touch(c);
  reclaimed(c, n);
}

void return_marked(slab::cache& c, void** objects, std::uint32_t n) noexcept {
  if (slab::is_large(c)) return;
  for (std::uint32_t i = 0; (c.flags & slab::flag_trace) != 0 && i != n; ++i)
    slab::debug_trace(c, "reclaim", objects[i], c.size, nullptr);
  slab::guard_reclaim(c, objects, n);
  slab::findings damaged(c, "the end of its grace period");
  slab::transit in_hand(c);
  const std::uint32_t others = slab::return_guarded(c, objects, n);
  const std::uint32_t good =
      slab::is_debug(c) ? slab::debug_reclaim(c, objects, others, &damaged) : others;
  slab::return_objects(c, objects, good);
  slab::touch(c);
  count_home(c, n);
}

void run_posted(rcu_head* head) noexcept {
  auto offset = reinterpret_cast<std::uintptr_t>(head) & (slab::cache_record_bytes - 1);
  auto& c = *reinterpret_cast<slab::cache*>(reinterpret_cast<std::uintptr_t>(head) - offset);
  {
    sync::lock_guard hold(c.lock);
    c.ripe_posted = false;  // first: in a child that is forked meanwhile none would be posted again
  }
  // The cache may have ended long ago, but its record rests until we are done with it.
  run_ripe(c, false);
  collect_marked(c, false);
  follow_here(c);
  activate(c);  // a lingering cache may be complete now
  // ORDER active.done <-> cache_table.reuse   (docs/ordering/background.md, claim 6)
  (void)gs_fetch_sub(&c.walkers, 1u);
}

}  // namespace

namespace {

std::uint32_t ripe_now(slab::cache& c) noexcept {
  sync::lock_guard hold(c.lock);
  return c.ripe.count;
}

// Heirs aside: they are followed elsewhere.
bool anything_ripe(slab::cache& c) noexcept {
  sync::lock_guard hold(c.lock);
  return c.ripe.head != nullptr || c.ripe_running || c.ripe_posted;
}

// Whoever has a deadline could not leave a destructor that takes its time: those who run callbacks
// are asked to run them. Inside a callback we may be one of these.
bool others_run_them(const slab::cache& c) noexcept {
  if (!rcu::has_deadline() || !slab::has_destructor(c) || rcu::in_callback()) return false;
  rcu::wake_worker();  // perhaps the first
  return !rcu::callers_drive() && !rcu::domain_closed(domain_of(c));
}

// False: it is queued already.
bool post_run(slab::cache& c, decltype(rcu::call)* post) noexcept {
  {
    sync::lock_guard hold(c.lock);
    if (c.ripe_posted) return false;
    c.ripe_posted = true;
    (void)gs_fetch_add_relaxed(&c.walkers, 1u);
  }
  post(rcu::ref_of(c.domain), &c.ripe_head, run_posted, &c);
  return true;
}

// Until what is due now has been run, or the deadline passes.
void await_run(slab::cache& c) noexcept {
  (void)post_run(c, rcu::call_hurry);
  for (rcu::backoff pace(rcu::effort::normal); anything_ripe(c) && !rcu::deadline_passed();)
    if (pace.step()) (void)rcu::look_for_stuck();
}

}  // namespace

bool ripe_idle(slab::cache& c) noexcept {
  return c.ripe.head == nullptr && c.heirs.head == nullptr && !c.ripe_running;
}

void run_ripe(slab::cache& c, bool wait) noexcept {
  if (!needs_work(c) && !wait) return;
  if (wait && anything_ripe(c) && others_run_them(c)) return await_run(c);
  // What is ripe now has been run when as many runs have ended, ours or another's, after the one
  // that is under way: the list is in order. More may come faster than they can be run.
  for (std::uint64_t left = std::uint64_t{ripe_now(c)} + 1; left != 0; --left) {
    const turn t = take_turn(c, wait, run_for::destructors);
    if (t == turn::none) return;
    if (t == turn::another_ended) continue;
    gs_sheaf* s;
    {
      sync::lock_guard hold(c.lock);
      s = slab::pop(c.ripe);
      set_run(c, s->object, s->count, root_of(*s));
    }
    end_objects(c, s->object, s->count);
    finish_sheaf(c, s);
    end_run(c);
  }
}

void let_run_end(slab::cache& c) noexcept {
  if (take_turn(c, true, run_for::destructors) == turn::ours) end_run(c);
}

bool leaves_destructors(slab::cache& c) noexcept {
  return slab::has_destructor(c) && !rcu::domain_closed(domain_of(c)) && rcu::left_to_workers();
}

void finish_ripe(slab::cache& c) noexcept {
  if (!leaves_destructors(c)) return run_ripe(c, true);
  while (!rcu::deadline_passed()) {
    const std::uint32_t ticket = run_ended.ticket();
    bool waits;
    {
      sync::lock_guard hold(c.lock);
      if (c.ripe.head == nullptr && !c.ripe_running) return;
      waits = c.ripe.head != nullptr && !c.ripe_posted;
    }
    if (waits) ripen(c);
    (void)rcu::look_for_stuck();
    run_ended.wait(ticket, look_again_ms);
  }
}

// Destructors may block: they run where callbacks run. The callback is the library's own (its owner
// is the record), so that neither a closing owner refuses it nor a settled one drops it; owners see
// the destructor itself.
// Refused by a closed domain, it is tried again at the next round, and barriers do not need it.
void ripen(slab::cache& c) noexcept {
  if (slab::is_large(c)) return run_ripe(c, false);
  if (rcu::domain_closed(domain_of(c))) return;
  (void)post_run(c, rcu::call);
}

void unpost(slab::cache& c) noexcept {
  {
    sync::lock_guard hold(c.lock);
    if (!c.ripe_posted) return;
  }
  gs_domain* d = domain_of(c);
  if (d == rcu::default_domain() || !rcu::withdraw(d, &c)) return;
  {
    sync::lock_guard hold(c.lock);
    c.ripe_posted = false;
  }
  (void)gs_fetch_sub(&c.walkers, 1u);
}

void collect_marked(slab::cache& c, bool wait) noexcept {
  if (wait && others_run_them(c)) return await_run(c);
  void* objects[marked_batch];
  while (begin_run(c, wait, run_for::marked)) {
    std::uint32_t n;
    {
      sync::lock_guard hold(c.lock);
      n = slab::gather_marked(c, objects, marked_batch);
      set_run(c, objects, n, oldest_root);
    }
    if (n != 0) {
      end_objects(c, objects, n);
      return_marked(c, objects, n);
    }
    end_run(c);
    if (n != marked_batch) return;
  }
}

void drop_destructor(slab::cache& c) noexcept {
  if (!begin_run(c, true, run_for::nothing)) return;
  std::uint32_t left = 0;
  {
    slab::barn_hold all(c);  // a harvest looks for a destructor under its depot's lock
    gs_store_relaxed(&c.dtor, nullptr);
    while (gs_sheaf* s = slab::pop(c.ripe)) {
      left += s->count;
      c.reclaimed_objects += s->count;
      slab::push(c.depots->reclaimed, s);
    }
  }
  if (left != 0) reclaimed(c, left);
  end_run(c);
}

}  // namespace graceslab::reclaim
