// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Caches come, are used and go, by every approach of the paper and with every sort of straggler.
#include <sched.h>

#include "churned.hpp"
#include "phases.hpp"

namespace graceslab::torture {
namespace {

void expect(churned& c, const char* approach, const char* what, int got, int wanted) {
  if (got != wanted)
    c.by().all.fail(trouble::result, "{}: {} gave {} instead of {}", approach, what, got, wanted);
}

// Destroys by policy, and the cache must be gone when that returns.
void destroy_at_once(churned& c, const char* approach) {
  kmem_cache_cookie_t cookie = 0;
  c.by().doing("kmem_cache_destroy");
  expect(c, approach, "destroy", gs_cache_destroy_by(c.handle(), GS_POLICY_LINGER, &cookie), 0);
  c.expect_gone(approach, cookie);
}

void by_callbacks(churned& c, rcu_domain&) {
  c.post(0);
  c.by().doing("rcu_barrier");
  rcu_barrier();
  destroy_at_once(c, "A1");
}

void by_covering_barrier(churned& c, rcu_domain& own) {
  c.retire(0);
  c.by().doing("rcu_barrier that covers retired memory");
  rcu_barrier(own);
  destroy_at_once(c, "A2");
}

void by_barrier_of_all(churned& c, rcu_domain&) {
  c.retire(0);
  c.by().doing("kfree_rcu_barrier");
  kfree_rcu_barrier();
  destroy_at_once(c, "A3");
}

void by_lingering(churned& c, rcu_domain&) {
  c.retire(0);
  c.by().doing("kmem_cache_destroy");
  kmem_cache_destroy(c.handle());
  c.by().doing("kmem_cache_destroy_barrier");
  expect(c, "A4", "destroy_barrier", kmem_cache_destroy_barrier(), 0);
  c.expect_gone("A4");
}

void by_lingering_type_safe(churned& c, rcu_domain&) {
  c.free(c.live() / 2);
  c.retire(0);
  c.by().doing("kmem_cache_destroy_rcu");
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(c.handle());
  c.expect_gone("A5", cookie);
}

// Objects that nobody retired are reported at once; the cache waits for them all the same.
void with_live_objects(churned& c, int policy, const char* approach) {
  c.allocate(5);
  kmem_cache_cookie_t cookie = 0;
  {
    expect_report provoked(GS_REPORT_DESTROY_WITH_OBJECTS);
    c.by().doing("destroying a cache with live objects");
    int result = gs_cache_destroy_by(c.handle(), policy, &cookie);
    expect(c, approach, "destroy with live objects", result == 0, false);
    if (provoked.seen() == 0)
      c.by().all.fail(trouble::report, "{}: live objects were not reported", approach);
  }
  expect_report late(GS_REPORT_LATE_FREE);
  c.free(c.live() / 2);
  c.retire(0);
  c.expect_gone(approach, cookie);
}
void with_report(churned& c, rcu_domain&) { with_live_objects(c, GS_POLICY_REPORT, "A6"); }
void with_linger(churned& c, rcu_domain&) { with_live_objects(c, GS_POLICY_LINGER, "A4, live"); }
void with_wait(churned& c, rcu_domain&) { with_live_objects(c, GS_POLICY_WAIT, "A8, live"); }

void by_barrier_of_one(churned& c, rcu_domain&) {
  c.retire(0);
  c.by().doing("kmem_cache_free_barrier");
  expect(c, "A7", "the barrier", gs_cache_barrier(c.handle()), 0);
  destroy_at_once(c, "A7");
}

void by_waiting(churned& c, rcu_domain&) {
  c.retire(0);
  c.by().doing("kmem_cache_destroy_wait");
  expect(c, "A8", "destroy_wait", kmem_cache_destroy_wait(c.handle()), 0);
  c.expect_gone("A8");
}

void by_destroy_barrier(churned& c, rcu_domain&) {
  c.retire(0);
  c.by().doing("kmem_cache_destroy_rcu");
  (void)kmem_cache_destroy_rcu(c.handle());
  c.by().doing("kmem_cache_destroy_barrier");
  expect(c, "A9", "destroy_barrier", kmem_cache_destroy_barrier(), 0);
  c.expect_gone("A9");
}

void once_fully_freed(churned& c, rcu_domain&) {
  c.allocate(20);
  c.retire(15);
  c.by().doing("kmem_cache_destroy");
  kmem_cache_cookie_t cookie = 0;
  (void)gs_cache_destroy_by(c.handle(), GS_POLICY_DEFAULT, &cookie);
  c.post(10);
  c.retire(5);
  c.free(0);
  c.expect_gone("A10", cookie);
}

struct destroyer {
  rcu_head head;
  kmem_cache* cache;
  std::uint32_t done;
};
void destroy_it(rcu_head* head) {
  auto* d = reinterpret_cast<destroyer*>(head);
  kmem_cache_destroy(d->cache);
  gs_store_release(&d->done, 1u);
}

void inside_callback(churned& c, rcu_domain&) {
  c.retire(0);
  destroyer d = {{}, c.handle(), 0};
  call_rcu(&d.head, destroy_it);
  c.by().doing("rcu_barrier over a destroy");
  rcu_barrier();
  if (gs_load_acquire(&d.done) == 0)
    c.by().all.fail(trouble::barrier, "rcu_barrier returned before a destroy in a callback");
  while (gs_load_acquire(&d.done) == 0) sched_yield();  // it lies on our stack
  c.by().doing("kmem_cache_destroy_barrier");
  expect(c, "destroy in a callback", "destroy_barrier", kmem_cache_destroy_barrier(), 0);
  c.expect_gone("destroy in a callback");
}

void twice(churned& c, rcu_domain&) {
  c.retire(0);
  c.by().doing("kmem_cache_destroy_wait");
  expect(c, "stale handle", "destroy_wait", kmem_cache_destroy_wait(c.handle()), 0);
  expect_report provoked(GS_REPORT_STALE_HANDLE);
  if (kmem_cache_alloc(c.handle(), GFP_KERNEL) != nullptr)
    c.by().all.fail(trouble::result, "a destroyed cache gave an object");
  kmem_cache_destroy(c.handle());
  if (provoked.seen() != 2)
    c.by().all.fail(trouble::report, "a stale handle was used twice and reported {} times",
                    provoked.seen());
  c.expect_gone("stale handle");
}

}  // namespace

const approach approaches[] = {
    {"A1 callbacks, rcu_barrier, destroy", 0, false, by_callbacks},
    {"A2 rcu_barrier that covers retired memory", 0, true, by_covering_barrier},
    {"A3 kfree_rcu_barrier, destroy", 0, false, by_barrier_of_all},
    {"A4 destroy lingers", 0, false, by_lingering},
    {"A4 destroy with live objects", 0, false, with_linger},
    {"A5 type-safe destroy lingers", SLAB_TYPESAFE_BY_RCU, false, by_lingering_type_safe},
    {"A6 destroy reports", 0, false, with_report},
    {"A7 kmem_cache_free_barrier, destroy", 0, false, by_barrier_of_one},
    {"A8 destroy_wait", 0, false, by_waiting},
    {"A8 destroy_wait, type-safe", SLAB_TYPESAFE_BY_RCU, false, by_waiting},
    {"A8 destroy_wait with live objects", 0, false, with_wait},
    {"A9 destroy_rcu, destroy_barrier", 0, false, by_destroy_barrier},
    {"A10 destroy once fully freed", SLAB_DESTROY_ONCE_FULLY_FREED, false, once_fully_freed},
    {"destroy in a callback", 0, false, inside_callback},
    {"stale handle", 0, false, twice},
};
unsigned approach_count() { return sizeof approaches / sizeof *approaches; }

namespace {

class churn_phase : public phase {
 public:
  explicit churn_phase(session& s)
      : own_({.name = "torture.covered", .barrier_covers_retire = true}) {
    for (int i = 0; i != 2; ++i) s.add_worker("churner", [this](worker& w) { return round(w); });
  }

 private:
  bool round(worker& w) {
    const approach& a = approaches[w.plan.below(approach_count())];
    churned c(w, a.flags, a.own_domain ? own_.native_handle() : nullptr);
    c.allocate(w.plan.one_in(4) ? w.plan.below(4) : w.plan.below(300));
    if (w.plan.one_in(4)) c.allocate_at_once(1 + w.plan.below(100));
    // A1 is for caches that are not retired into.
    bool retires = a.end != by_callbacks;
    if (retires && w.plan.one_in(4)) c.visit();
    c.free(c.live() / 3 * 2);
    if (retires) c.retire(c.live() / 2);
    if (w.plan.one_in(2)) c.check_counts();
    a.end(c, own_);
    w.count(a.name);
    w.doing("between rounds");
    w.pause();
    return w.all.more(w);
  }

  rcu_domain own_;
};

}  // namespace

std::unique_ptr<phase> make_churn(session& s) { return std::make_unique<churn_phase>(s); }

}  // namespace graceslab::torture
