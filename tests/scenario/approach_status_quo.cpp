// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A1, A2, A3: callbacks and rcu_barrier(), a barrier that covers retires, and the barrier of their
// own.
#include <graceslab/cache.hpp>

#include "watched.hpp"

namespace {

using namespace watched;

struct record {
  rcu_head rcu;
  kmem_cache* home;
};
void free_record(rcu_head* head) {
  auto* r = reinterpret_cast<record*>(head);
  kmem_cache_free(r->home, r);
}
record* post(kmem_cache* s, rcu_callback_t func) {
  auto* r = static_cast<record*>(kmem_cache_alloc(s, GFP_KERNEL));
  r->home = s;
  call_rcu(&r->rcu, func);
  return r;
}

TEST(StatusQuo, A1_call_rcu_and_rcu_barrier_before_destroy) {
  reports caught;
  kmem_cache* s = kmem_cache_create("status quo", sizeof(record), 0, 0, nullptr);
  for (int i = 0; i != 5000; ++i) post(s, free_record);
  rcu_barrier();
  kmem_cache_destroy(s);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

gate* callback_gate;
TEST(StatusQuo, A1_synchronize_rcu_instead_is_reported_not_corrupted) {
  reports caught;
  gate held;
  callback_gate = &held;
  kmem_cache* s = kmem_cache_create("mistaken", sizeof(record), 0, 0, nullptr);
  for (int i = 0; i != 3; ++i)
    post(s, [](rcu_head* head) {
      callback_gate->pass();
      free_record(head);
    });
  synchronize_rcu();  // waits for readers, not for callbacks
  kmem_cache_destroy(s);
  ASSERT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "3 objects allocated");
  held.open();
  rcu_barrier();
  EXPECT_TRUE(is_gone_soon(s));
  EXPECT_EQ(caught.count(GS_REPORT_LATE_FREE), 1u) << caught.everything();
  EXPECT_EQ(caught.total(), 2u) << caught.everything();
}

// A retire that is still pending at a plain destroy: the paper's subtle corruption. Here it
// lingers.
TEST(StatusQuo, A1_a_pending_retire_at_plain_destroy_lingers) {
  reports caught;
  kmem_cache* s = make_cache("subtle");
  auto all = take(s, 100);
  for (std::size_t i = 0; i != all.size(); ++i) all[i]->value[0] = i;
  held_reader reader;
  retire(all);
  kmem_cache_destroy(s);
  kmem_cache* next = make_cache("next");
  auto fresh = take(next, 1000);
  for (auto* o : fresh) o->value[0] = ~std::uint64_t{0};
  for (std::size_t i = 0; i != all.size(); ++i) EXPECT_EQ(all[i]->value[0], i);
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  give(next, fresh);
  EXPECT_EQ(kmem_cache_destroy_wait(next), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// The other idea: one more callback that destroys the cache, relying on order. Legal, as it
// lingers.
TEST(StatusQuo, A1_a_last_callback_may_destroy_the_cache) {
  reports caught;
  kmem_cache* s =
      kmem_cache_create("last callback", sizeof(record), 0, SLAB_DESTROY_ONCE_FULLY_FREED, nullptr);
  for (int i = 0; i != 500; ++i) post(s, free_record);
  struct last {
    rcu_head rcu;
    kmem_cache* doomed;
  } end = {{}, s};
  call_rcu(&end.rcu,
           [](rcu_head* head) { kmem_cache_destroy(reinterpret_cast<last*>(head)->doomed); });
  rcu_barrier();
  EXPECT_TRUE(is_gone_soon(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

gs_cache_options in_domain(gs_domain* d) {
  gs_cache_options o = {};
  o.name = "in domain";
  o.size = sizeof(object);
  o.domain = d;
  return o;
}

TEST(BarrierCovers, A2_one_barrier_covers_both) {
  gs_domain_options options = {"pre-2019", 1, 0, 0};
  gs_domain* d = gs_domain_create(&options);
  auto o = in_domain(d);
  kmem_cache* s = gs_cache_create(&o);
  std::uint32_t called = 0;
  struct counted {
    rcu_head rcu;
    std::uint32_t* called;
  } post = {{}, &called};
  gs_call_rcu(
      d, &post.rcu,
      [](rcu_head* head) { gs_fetch_add(reinterpret_cast<counted*>(head)->called, 1u); }, nullptr);
  retire(take(s, 5000));
  gs_rcu_barrier(d);
  EXPECT_EQ(in_flight(s), 0u);
  EXPECT_EQ(gs_load_acquire(&called), 1u);
  EXPECT_EQ(gs_cache_destroy_wait(s), 0);
  EXPECT_EQ(gs_domain_destroy(d), 0);
}

TEST(BarrierCovers, A2_off_by_default) {
  kmem_cache* s = make_cache("uncovered");
  auto all = take(s, 100);
  held_reader reader;
  retire(all);
  rcu_barrier();  // would hang if it waited for them
  EXPECT_EQ(in_flight(s), all.size());
  reader.leave();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(BarrierCovers, A2_of_the_default_domain_by_API_and_environment) {
  kmem_cache* s = make_cache("covered");
  EXPECT_EQ(gs_barrier_covers_retire(nullptr, 1), 0);
  retire(take(s, 5000));
  rcu_barrier();
  EXPECT_EQ(in_flight(s), 0u);
  EXPECT_EQ(gs_barrier_covers_retire(nullptr, 0), 1);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(BarrierCoversDeathTest, A2_GRACESLAB_BARRIER_COVERS_RETIRE) {
  alone_with({{"GRACESLAB_BARRIER_COVERS_RETIRE", "1"}});
  EXPECT_EXIT(
      {
        kmem_cache* s = make_cache("covered");
        retire(take(s, 5000));
        rcu_barrier();
        EXPECT_EQ(in_flight(s), 0u);
        end_alone();
      },
      testing::ExitedWithCode(0), "");
  unsetenv("GRACESLAB_BARRIER_COVERS_RETIRE");
}

TEST(RetireBarrier, A3_covers_all_caches_and_threads) {
  std::vector<kmem_cache*> caches;
  for (int i = 0; i != 20; ++i) caches.push_back(make_cache(std::to_string(i).c_str()));
  in_threads(4, [&](int) {
    for (auto* s : caches) retire(take(s, 150));
    kfree_rcu_barrier();  // what this thread retired is home
  });
  std::uint32_t stop = 0;
  std::thread busy([&] {
    while (gs_load_acquire(&stop) == 0) kmem_cache_free(caches[0], take(caches[0]));
  });
  kvfree_rcu_barrier();
  gs_store_release(&stop, 1u);
  busy.join();
  for (auto* s : caches) {
    EXPECT_EQ(stats_of(s).reclaimed, 600u);
    EXPECT_EQ(in_flight(s), 0u);
    EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  }
}

TEST(RetireBarrier, A3_concurrent_callers_share_the_work) {
  kmem_cache* s = make_cache("shared");
  const auto before = stats_of(static_cast<gs_domain*>(nullptr));
  in_threads(16, [&](int) {
    for (int i = 0; i != 20; ++i) {
      kfree_rcu(take(s), rcu);
      kfree_rcu_barrier();
    }
  });
  EXPECT_EQ(in_flight(s), 0u);
  EXPECT_EQ(stats_of(s).retired, 320u);
  const auto after = stats_of(static_cast<gs_domain*>(nullptr));
  EXPECT_LE(after.started - before.started, 2 * 320u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(RetireBarrier, A3_with_nothing_pending_it_waits_for_nobody) {
  held_reader reader;
  kfree_rcu_barrier();  // would hang if it waited for a grace period
}

}  // namespace
