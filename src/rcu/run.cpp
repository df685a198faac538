// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Running callbacks: no library lock is held while one runs.
#include "rcu/run.hpp"

#include "os/cancel.hpp"
#include "os/event.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/grant.hpp"
#include "rcu/invoke.hpp"
#include "rcu/watch.hpp"

namespace graceslab::rcu {

constinit sync::mutex runners_lock{sync::rank::runners};
runner* runners;
__thread runner* current_runner __attribute__((tls_model("initial-exec")));

namespace {

void push(runner& r) noexcept {
  r.tid = os::tid();
  r.outer = current_runner;
  current_runner = &r;
  sync::lock_guard guard(runners_lock);
  r.prev = nullptr;
  r.next = runners;
  if (runners) runners->prev = &r;
  runners = &r;
}

void pop(runner& r) noexcept {
  current_runner = r.outer;
  sync::lock_guard guard(runners_lock);
  (r.prev ? r.prev->next : runners) = r.next;
  if (r.next) r.next->prev = r.prev;
}

}  // namespace

runner_scope::runner_scope(gs_domain* d) noexcept : record{} {
  record.domain = d;
  push(record);
}
runner_scope::~runner_scope() { pop(record); }

void waiting_scope::add(int change) noexcept {
  sync::lock_guard guard(runners_lock);
  for (runner* r = current_runner; r; r = r->outer)
    r->waiting += static_cast<std::uint32_t>(change);
}

owner_code::owner_code(gs_domain* d, void* owner, const void* function) noexcept : record_{} {
  static_assert(sizeof(runner) <= sizeof record_);
  auto* r = reinterpret_cast<runner*>(record_);
  r->domain = d;
  r->owner = owner;
  r->func = function;
  push(*r);
  note_invocation(*r);
}
owner_code::~owner_code() { pop(*reinterpret_cast<runner*>(record_)); }

unsigned callback_depth() noexcept {
  unsigned depth = 0;
  for (const runner* r = current_runner; r; r = r->outer) depth += r->func != nullptr;
  return depth;
}

const void* current_callback() noexcept {
  for (const runner* r = current_runner; r; r = r->outer)
    if (r->func) return r->func;
  return nullptr;
}

bool in_callback() noexcept { return current_callback() != nullptr; }

bool in_callback_of(const gs_domain* d) noexcept {
  for (const runner* r = current_runner; r; r = r->outer)
    if (r->func && r->domain == d) return true;
  return false;
}

void run_entry(gs_domain* d, const entry& e) noexcept {
  const auto step = [](void* what) {
    const auto* one = static_cast<const entry*>(what);
    one->func(one->head);
  };
  entry mine = e;
  os::take_over(e.head);
  const auto* function = reinterpret_cast<const void*>(e.func);
  os::event::callback_begin(d->id, function, e.head, d->name);
  invoke(function, step, &mine);
  os::event::callback_end(d->id, function, e.head, d->name);
}

void see_finished(gs_domain* d) noexcept {
  for (const shard& s : d->shards) os::take_over(&s.finished);
}

unsigned run_shard(gs_domain* d, shard& s, const wish& w, unsigned limit, bool (*keep_on)(void*),
                   void* arg) noexcept {
  // Who wants chosen ones was told that one is queued: the lock shows whether another has taken it.
  if (limit == 0 || (!w.of && gs_load_relaxed(&s.due_ms) != 0)) return 0;
  os::cancel_off cancel;
  runner_scope running(d);
  place where;
  entry e{};
  unsigned n = 0;
  batch* surplus = nullptr;
  s.lock.lock();
  while (claim(d, s, w, &where, &e, running.record)) {
    if (!w.of && !d->one_by_one) grant(s, running.record, limit - n - 1);
    s.lock.unlock();
    beginning next = beginning::begun;
    bool stop = false;
    while (!stop && next == beginning::begun) {
      unmark(e.head);
      run_entry(d, e);
      os::hand_over(&s.finished);
      ++n;
      stop = n == limit || (keep_on && !keep_on(arg));
      if (!stop) next = begin_next(running.record, &e);
    }
    // Whoever recalled is at it: two that recall each other's grants in turn would run one each.
    stop |= next == beginning::recalled;
    s.lock.lock();
    const bool complete = finish(s, running.record, surplus);
    if (complete) {
      s.lock.unlock();
      give_back(surplus);
      d->batch_done.notify_all();
      s.lock.lock();
    }
    if (stop) break;
  }
  s.lock.unlock();
  return n;
}

}  // namespace graceslab::rcu
