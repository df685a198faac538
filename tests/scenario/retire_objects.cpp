// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// K1, K3, K4: retired memory comes home after a grace period, in arrays, whatever it is.
#include <atomic>
#include <initializer_list>

#include "watched.hpp"

namespace {

using namespace watched;

TEST(Retire, K1_memory_is_not_reused_while_a_reader_may_hold_it) {
  reports caught;
  kmem_cache* s = make_cache("held");
  object* o = take(s);
  o->value[0] = 4711;
  held_reader reader;
  kfree_rcu(o, rcu);
  std::vector<object*> others = take(s, 3000);
  for (auto* other : others) EXPECT_NE(other, o);
  EXPECT_EQ(o->value[0], 4711u);
  EXPECT_EQ(in_flight(s), 1u);
  reader.leave();
  kmem_cache_free_barrier(s);
  EXPECT_EQ(in_flight(s), 0u);
  give(s, others);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(Retire, K3_many_objects_cost_few_grace_periods) {
  kmem_cache* s = make_cache("arrays");
  auto all = take(s, 50'000);
  const auto before = stats_of(static_cast<gs_domain*>(nullptr));
  retire(all);
  kmem_cache_free_barrier(s);
  const auto after = stats_of(static_cast<gs_domain*>(nullptr));
  EXPECT_EQ(stats_of(s).reclaimed, all.size());
  EXPECT_EQ(after.retired - before.retired, all.size());
  EXPECT_EQ(after.reclaimed - before.reclaimed, all.size());
  // One cookie for a whole array: never more grace periods than arrays, but for the barrier's own.
  EXPECT_LE(after.started - before.started, all.size() / 64 + 20);
  // No callback per object.
  EXPECT_EQ(after.callbacks_posted, before.callbacks_posted);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Retire, K4_size_classes_and_page_runs) {
  reports caught;
  const auto before = stats_of(static_cast<gs_domain*>(nullptr));
  std::uint64_t n = 0;
  {
    held_reader reader;
    for (std::size_t size : {0u, 8u, 100u, 8192u, 8193u, 70'000u, 1u << 20, 16u << 20}) {
      auto* p = static_cast<char*>(kmalloc(size, 0));
      if (size != 0) p[0] = p[size - 1] = 77;
      gs_retire(p);
      ++n;
      if (size != 0) {
        EXPECT_EQ(p[0], 77);
        EXPECT_EQ(p[size - 1], 77);
      }
      gs_object_info info;
      EXPECT_EQ(gs_object_lookup(p, &info), 0);
    }
  }
  kfree_rcu_barrier();
  const auto after = stats_of(static_cast<gs_domain*>(nullptr));
  EXPECT_EQ(after.retired - before.retired, n);
  EXPECT_EQ(after.reclaimed - before.reclaimed, n);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(Retire, K4_large_runs_come_home_by_themselves) {
  void* p = kmalloc(3u << 20, 0);
  gs_retire(p);
  gs_object_info info;
  EXPECT_TRUE(eventually([&] { return gs_object_lookup(p, &info) != 0; }));
}

std::atomic<int> destructed;
struct gs_cache_options with_destructor(const char* name) {
  gs_cache_options o = {};
  o.name = name;
  o.size = sizeof(object);
  o.dtor = [](void*) { ++destructed; };
  return o;
}

TEST(Retire, K3_destructors_run_once_per_retired_object_at_harvest) {
  destructed = 0;
  auto options = with_destructor("dtor");
  kmem_cache* s = gs_cache_create(&options);
  auto all = take(s, 1000);
  held_reader reader;
  retire(all);
  EXPECT_EQ(destructed.load(), 0);
  reader.leave();
  kmem_cache_free_barrier(s);
  EXPECT_EQ(destructed.load(), 1000);
  kmem_cache_free(s, take(s));
  EXPECT_EQ(destructed.load(), 1000);  // a plain free runs none
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(destructed.load(), 1000);
}

// A destructor that ends its own cache would wait for itself if destroy waited for destructors.
TEST(Retire, K3_a_destructor_may_destroy_its_cache) {
  for (unsigned flags : {0u, unsigned{SLAB_CONSISTENCY_CHECKS}}) {
    static std::atomic<kmem_cache*> doomed;
    destructed = 0;
    auto options = with_destructor("suicidal");
    options.flags = flags;
    options.dtor = [](void*) {
      if (++destructed == 1) kmem_cache_destroy(doomed.load());
    };
    kmem_cache* s = gs_cache_create(&options);
    doomed = s;
    retire(take(s, 300));
    EXPECT_TRUE(is_gone_soon(s)) << flags;
    EXPECT_EQ(destructed.load(), 300) << flags;
  }
}

// Retires by destructors: chains end, and the barrier of the domain's drain sees all of them.
TEST(Retire, K3_destructors_may_retire) {
  static kmem_cache* chain;
  destructed = 0;
  auto options = with_destructor("chain");
  options.dtor = [](void* p) {
    ++destructed;
    if (object* next = reinterpret_cast<object*>(static_cast<object*>(p)->value[0]))
      kfree_rcu(next, rcu);
  };
  chain = gs_cache_create(&options);
  object* first = nullptr;
  for (int i = 0; i != 20; ++i) {
    object* o = take(chain);
    o->value[0] = reinterpret_cast<std::uint64_t>(first);
    first = o;
  }
  kfree_rcu(first, rcu);
  EXPECT_TRUE(eventually([] { return destructed == 20; }));
  EXPECT_EQ(kmem_cache_destroy_wait(chain), 0);
}

TEST(Retire, K6_reclaim_now_asks_pending_memory_back) {
  kmem_cache* s = make_cache("asked");
  retire(take(s, 5000));
  gs_domain_reclaim_now(nullptr);
  EXPECT_EQ(in_flight(s), 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Retire, R6_from_every_thread_that_ends_at_once) {
  kmem_cache* s = make_cache("ending");
  for (int round = 0; round != 10; ++round)
    in_threads(8, [&](int i) {
      auto all = take(s, 100 + static_cast<std::size_t>(i));
      retire(all);
    });
  kmem_cache_free_barrier(s);
  auto after = stats_of(s);
  EXPECT_EQ(after.retired, 10u * (8 * 100 + 28));
  EXPECT_EQ(after.reclaimed, after.retired);
  EXPECT_EQ(after.live, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
