// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B2, B4, C6: memory limits of caches and domains. Beyond one an allocation is NULL and reported,
// after what counts against it was looked through.
#include <graceslab/stats.hpp>

#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::uint64_t kib = 1024, slab_bytes = 64 * kib;
constexpr std::uint64_t limit = 10 * slab_bytes;
constexpr std::size_t object_bytes = 1024;

gs_memory_use use_of(kmem_cache* s) {
  gs_memory_use use;
  EXPECT_EQ(gs_cache_read_memory(s, &use), 0);
  return use;
}

class MemoryLimits : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0); }
  void TearDown() override {
    gs_domain_limit_memory(nullptr, 0);
    gs_config_set("GRACESLAB_BACKGROUND", "1");
  }
  kmem_cache* make_limited(slab_flags_t flags = 0, void (*ctor)(void*) = nullptr) {
    const kmem_cache_args args = {.align = 0, .ctor = ctor, .memory_limit_bytes = limit};
    return kmem_cache_create_args("limited", object_bytes, &args, flags);
  }
  std::vector<void*> take_all(kmem_cache* s, gfp_t gfp = __GFP_NOWARN) {
    std::vector<void*> all;
    while (void* p = kmem_cache_alloc(s, gfp)) all.push_back(p);
    return all;
  }
  void expect_full(kmem_cache* s, const std::vector<void*>& all) {
    EXPECT_EQ(use_of(s).bytes, limit);
    EXPECT_EQ(use_of(s).limit_bytes, limit);
    EXPECT_LE(all.size() * object_bytes, limit);
    EXPECT_GE(all.size() * object_bytes, limit * 3 / 4);  // debug caches have larger ones
  }
  virtual_clock still;
  reports caught;
};

TEST_F(MemoryLimits, B2_B4_C6_of_a_cache_of_every_kind) {
  const auto construct = [](void*) {};
  const struct {
    slab_flags_t flags;
    void (*ctor)(void*);
  } kinds[] = {{0, nullptr},
               {SLAB_TYPESAFE_BY_RCU, nullptr},
               {0, construct},
               {SLAB_POISON | SLAB_RED_ZONE, nullptr},
               {SLAB_NO_DETECTION, nullptr}};
  std::size_t told = 0;
  for (const auto& kind : kinds) {
    kmem_cache* s = make_limited(kind.flags, kind.ctor);
    kmem_cache* other = make_cache("beside");
    std::vector<void*> all = take_all(s);
    expect_full(s, all);
    EXPECT_EQ(caught.total(), told) << caught.everything();
    for (gfp_t gfp : {GFP_KERNEL, GFP_NOWAIT, GFP_ATOMIC})
      EXPECT_EQ(kmem_cache_alloc(s, gfp), nullptr);
    EXPECT_EQ(caught.count(GS_REPORT_NO_MEMORY), told += 3) << caught.everything();
    EXPECT_NE(caught.everything().find("memory limit of its cache is 655360 bytes"),
              std::string::npos);
    give(other, take(other, 1000));  // another one has none
    // What was retired comes home for the next, and what was freed serves.
    gs_retire(all.back());
    EXPECT_NE(all.back() = kmem_cache_alloc(s, GFP_KERNEL), nullptr);
    kmem_cache_free(s, all.back());
    EXPECT_NE(all.back() = kmem_cache_alloc(s, GFP_ATOMIC), nullptr);
    expect_full(s, all);
    for (void* p : all) kmem_cache_free(s, p);
    kmem_cache_shrink(s);
    synchronize_rcu();
    kmem_cache_shrink(s);
    EXPECT_EQ(use_of(s).bytes, 0u);
    EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
    EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
    EXPECT_EQ(caught.total(), told) << caught.everything();
  }
}

TEST_F(MemoryLimits, B2_only_what_counts_is_looked_through) {
  kmem_cache* s = make_limited();
  kmem_cache* other = make_cache("beside");
  std::vector<void*> all = take_all(s);
  give(other, take(other, 1000));
  const std::uint64_t parked = stats_of(other).parked;
  ASSERT_NE(parked, 0u);
  EXPECT_EQ(kmem_cache_alloc(s, __GFP_NOWARN), nullptr);
  EXPECT_EQ(stats_of(other).parked, parked);
  for (void* p : all) kmem_cache_free(s, p);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
}

TEST_F(MemoryLimits, B4_can_be_moved_at_any_time) {
  kmem_cache* s = make_limited();
  std::vector<void*> all = take_all(s);
  EXPECT_EQ(kmem_cache_limit_memory(s, 2 * limit), 0);
  std::vector<void*> more = take_all(s);
  EXPECT_EQ(use_of(s).bytes, 2 * limit);
  EXPECT_EQ(kmem_cache_limit_memory(s, slab_bytes), 0);  // what is there stays
  kmem_cache_free(s, all.back());
  EXPECT_NE(all.back() = kmem_cache_alloc(s, GFP_KERNEL), nullptr);
  EXPECT_EQ(kmem_cache_limit_memory(s, 0), 0);
  void* beyond = kmem_cache_alloc(s, GFP_KERNEL);
  EXPECT_NE(beyond, nullptr);
  kmem_cache_free(s, beyond);
  for (auto* some : {&all, &more})
    for (void* p : *some) kmem_cache_free(s, p);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(kmem_cache_limit_memory(s, 1), -ENOENT);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u);
  gs_memory_use use;
  EXPECT_EQ(gs_cache_read_memory(s, &use), -ENOENT);
}

TEST_F(MemoryLimits, B2_B4_of_kmallocs_domain_by_setting) {
  void* warm = kmalloc(700, GFP_KERNEL);
  const std::uint64_t before = graceslab::memory().bytes;
  ASSERT_EQ(gs_config_set("GRACESLAB_MEMORY_LIMIT", std::to_string(before + limit).c_str()), 0);
  EXPECT_EQ(graceslab::memory().limit_bytes, before + limit);
  std::vector<void*> runs;
  while (void* p = kmalloc(100'000, __GFP_NOWARN)) runs.push_back(p);
  EXPECT_EQ(runs.size(), limit / (2 * slab_bytes));
  std::vector<void*> small;
  while (void* p = kmalloc(700, __GFP_NOWARN)) small.push_back(p);  // what is there of them
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  EXPECT_EQ(kmalloc(100'000, GFP_KERNEL), nullptr);
  EXPECT_EQ(kmalloc(100'000'000, __GFP_NOFAIL), nullptr);  // never
  EXPECT_EQ(caught.count(GS_REPORT_NO_MEMORY), 2u) << caught.everything();
  EXPECT_NE(caught.everything().find("memory limit of its domain"), std::string::npos);
  gs_retire(runs.back());
  EXPECT_NE(runs.back() = kmalloc(100'000, GFP_KERNEL), nullptr);
  kfree(runs.back());
  runs.pop_back();
  EXPECT_NE(small.emplace_back(kmalloc(700, GFP_ATOMIC)), nullptr);
  for (auto* some : {&runs, &small})
    for (void* p : *some) kfree(p);
  kfree(warm);
}

TEST_F(MemoryLimits, B2_B4_of_a_domain_and_of_a_typed_cache) {
  struct item {
    char bytes[object_bytes];
  };
  graceslab::rcu_domain domain({.name = "limited", .memory_limit_bytes = limit});
  graceslab::cache<item> a("a", {.domain = &domain, .memory_limit_bytes = limit / 2});
  graceslab::cache<item> b("b", {.domain = &domain});
  std::vector<item*> of_a, of_b;
  while (item* p = a.try_make()) of_a.push_back(p);
  EXPECT_EQ(graceslab::memory(a).bytes, limit / 2);
  while (item* p = b.try_make()) of_b.push_back(p);
  EXPECT_EQ(graceslab::memory(b).bytes, limit / 2);
  EXPECT_EQ(graceslab::memory(domain).bytes, limit);
  EXPECT_THROW((void)b.make(), std::bad_alloc);
  EXPECT_NE(caught.everything().find("of its domain"), std::string::npos);
  for (item* p : of_a) a.release(p);
  item* instead = b.try_make();  // what a holds and does not need
  EXPECT_NE(instead, nullptr);
  b.release(instead);
  for (item* p : of_b) b.retire(p);
  b.barrier();
  EXPECT_EQ(a.destroy().code, graceslab::errc::ok);
  EXPECT_EQ(b.destroy().code, graceslab::errc::ok);
  EXPECT_EQ(graceslab::memory(domain).bytes, 0u);
}

TEST_F(MemoryLimits, B2_C6_below_one_slab_nothing_is_waited_for) {
  kmem_cache* s = make_limited();
  EXPECT_EQ(kmem_cache_limit_memory(s, 1000), 0);
  EXPECT_EQ(kmem_cache_alloc(s, __GFP_NOFAIL), nullptr);
  EXPECT_EQ(kmem_cache_alloc(s, GFP_KERNEL), nullptr);
  EXPECT_GE(caught.count(GS_REPORT_NO_MEMORY), 2u);
  EXPECT_EQ(use_of(s).bytes, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Many threads at the limit: none goes beyond it, and nothing is counted wrong.
TEST_F(MemoryLimits, B4_holds_for_many_threads_at_once) {
  kmem_cache* s = make_limited();
  std::vector<std::thread> all;
  for (int t = 0; t != 4; ++t)
    all.emplace_back([&] {
      std::vector<void*> had;
      for (int i = 0; i != 2000; ++i) {
        if (void* p = kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN)) had.push_back(p);
        EXPECT_LE(use_of(s).bytes, limit + 4 * slab_bytes);  // counted, then refused
        if (i % 3 == 0 && !had.empty()) {
          kmem_cache_free(s, had.back());
          had.pop_back();
        }
      }
      for (void* p : had) kmem_cache_free(s, p);
    });
  for (auto& t : all) t.join();
  kmem_cache_shrink(s);
  EXPECT_EQ(use_of(s).bytes, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
