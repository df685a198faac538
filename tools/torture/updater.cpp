// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Replacing elements of a pipe, with every kind of wait there is.
#include <graceslab/kernel/slab.h>
#include <sched.h>

#include "pipe.hpp"

namespace graceslab::torture {
namespace {

constexpr std::uint32_t callbacks_at_most = 2000;

struct posted_call {
  rcu_head head;
  std::uint32_t done;
};
void call_done(rcu_head* head) {
  gs_store_release(&reinterpret_cast<posted_call*>(head)->done, 1u);
}

void by_synchronize(worker&, rcu_domain& d) { rcu_synchronize(d); }
void by_expedited(worker&, rcu_domain& d) { gs_synchronize_expedited(d.native_handle()); }

void by_polling(worker& w, rcu_domain& d) {
  grace_period g = grace_period::start(d);
  while (!g.done()) {
    w.pause();
    sched_yield();
  }
  w.pause();
  if (!g.done()) w.all.fail(trouble::result, "cookie {} was done and is not any more", g.cookie());
}

void by_cookie(worker& w, rcu_domain& d) {
  grace_period g = grace_period::current(d);
  w.pause();
  g.wait();
  if (!g.done())
    w.all.fail(trouble::result, "cookie {} was waited for and is not done", g.cookie());
}

void by_started_cookie(worker& w, rcu_domain& d) {
  grace_period g = grace_period::start(d);
  w.pause();
  g.wait();
}

void by_callback_and_barrier(worker& w, rcu_domain& d) {
  posted_call call = {};
  gs_call_rcu(d.native_handle(), &call.head, call_done, gs_this_module());
  rcu_barrier(d);
  if (gs_load_acquire(&call.done) != 0) return;
  w.all.fail(trouble::barrier, "rcu_barrier returned before the caller's own callback ran");
  while (gs_load_acquire(&call.done) == 0) sched_yield();  // it lies on our stack
}

struct waiting {
  const char* name;
  void (*wait)(worker&, rcu_domain&);
};
constexpr waiting waits[] = {
    {"synchronize", by_synchronize},
    {"expedited", by_expedited},
    {"polling", by_polling},
    {"cookie", by_cookie},
    {"started cookie", by_started_cookie},
    {"callback and barrier", by_callback_and_barrier},
};
constexpr unsigned wait_kinds = sizeof waits / sizeof *waits;

void grow_older_together(aging& a) {
  for (element** at = &a.first; *at != nullptr;) {
    element* e = *at;
    std::uint32_t age = gs_load_relaxed(&e->age) + 1;
    gs_store_relaxed(&e->age, age);
    if (age < last_age) {
      at = &e->next;
    } else {
      *at = e->next;
      a.on.take_apart(e);
    }
  }
}

void wait_and_age(worker& w, aging& a, element* old, unsigned kind) {
  const waiting& how = waits[kind % wait_kinds];
  old->next = a.first;
  a.first = old;
  w.doing(how.name);
  how.wait(w, a.on.domain);
  w.count(how.name);
  grow_older_together(a);
}

void by_callbacks(worker& w, pipe& p, element* old, bool hurry) {
  keeps_errno keep(w.all, "call_rcu");
  w.doing("call_rcu");
  w.count(hurry ? "hurried callbacks" : "callbacks");
  gs_fetch_add(&p.in_callbacks, 1u);
  old->posted = hurry;
  p.post(old);
}

// Its memory goes back to the cache, whose next owner writes over it.
void by_retiring(worker& w, pipe& p, element* old, unsigned kind) {
  static constexpr const char* names[] = {"retire",
                                          "kfree_rcu",
                                          "kfree_rcu_mightsleep",
                                          "retire and barrier",
                                          "retire and barrier of all",
                                          "retire and reclaim now"};
  w.doing(names[kind]);
  w.count(names[kind]);
  if (kind == 2) return kfree_rcu_mightsleep(old);
  {
    keeps_errno keep(w.all, names[kind]);
    if (kind == 1)
      kfree_rcu(old, head);
    else
      p.elements.retire(old);
  }
  if (kind == 3 && p.elements.barrier() != errc::ok)
    w.all.fail(trouble::result, "the barrier of {} was refused", p.name);
  if (kind == 4) retire_barrier(p.domain);
  if (kind == 5) p.domain.reclaim_now();
}

}  // namespace

void replace(worker& w, aging& a) {
  pipe& p = a.on;
  unsigned kind = w.plan.below(16);
  element* old = p.current.exchange(p.make());
  gs_store_relaxed(&old->age, 1u);
  w.count("replacements");
  if (kind < 8 || gs_load_relaxed(&p.in_callbacks) >= callbacks_at_most)
    wait_and_age(w, a, old, kind);
  else if (kind < 10)
    by_callbacks(w, p, old, kind == 9);
  else
    by_retiring(w, p, old, kind - 10);
  w.doing("between rounds");
  w.pause();
}

void age_to_end(aging& a) {
  while (a.first != nullptr) {
    rcu_synchronize(a.on.domain);
    grow_older_together(a);
  }
}

}  // namespace graceslab::torture
