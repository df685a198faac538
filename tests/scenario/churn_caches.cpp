// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Caches and threads that come and go by the thousand.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <graceslab/stats.hpp>
#include <thread>
#include <vector>

namespace {

std::uint64_t stale_reports = 0;
void count_stale(gs_report kind, const char* text, std::size_t bytes, void*) {
  if (kind == GS_REPORT_STALE_HANDLE)
    ++stale_reports;
  else
    ADD_FAILURE() << std::string(text, bytes);
}

kmem_cache* make(std::size_t size = 64) { return kmem_cache_create("churn", size, 0, 0, nullptr); }

std::size_t caches_called_churn() {
  std::size_t n = 0;
  for (const auto& s : graceslab::all_caches()) n += std::string_view(s.name) == "churn";
  return n;
}

// C6: names and records are used again; handles never are.
TEST(Churn, StaleHandlesNeverReachANewerCache_C6) {
  constexpr unsigned n = 3000;
  std::vector<kmem_cache*> old;
  for (unsigned i = 0; i != n; ++i) {
    kmem_cache* cache = make();
    ASSERT_NE(cache, nullptr);
    void* p = kmem_cache_alloc(cache, GFP_KERNEL);
    gs_cache_retire(cache, p);
    ASSERT_EQ(kmem_cache_destroy_wait(cache), 0);
    old.push_back(cache);
  }
  std::vector<kmem_cache*> fresh;
  for (unsigned i = 0; i != 200; ++i) fresh.push_back(make());
  gs_report_set_handler(count_stale, nullptr);
  for (kmem_cache* cache : old) {
    EXPECT_EQ(kmem_cache_alloc(cache, GFP_KERNEL), nullptr);
    kmem_cache_destroy(cache);
    gs_cache_stats s;
    EXPECT_EQ(gs_cache_read_stats(cache, &s), -ENOENT);
  }
  EXPECT_EQ(stale_reports, 2u * n);
  gs_report_set_handler(nullptr, nullptr);
  for (kmem_cache* cache : fresh) {
    gs_cache_stats s;
    ASSERT_EQ(gs_cache_read_stats(cache, &s), 0);
    EXPECT_EQ(s.carved, 0u);
    EXPECT_EQ(kmem_cache_destroy_wait(cache), 0);
  }
  EXPECT_EQ(caches_called_churn(), 0u);
}

// R4: what a thread leaves behind is handed on: nothing is lost, nothing stays out.
TEST(Churn, ThreadsThatEndHandOnTheirObjects_R4) {
  kmem_cache* cache = make();
  constexpr unsigned threads = 300, each = 150;
  for (unsigned t = 0; t != threads; ++t)
    std::thread([cache, t] {
      for (unsigned i = 0; i != each; ++i) {
        void* p = kmem_cache_alloc(cache, GFP_KERNEL);
        ASSERT_NE(p, nullptr);
        if ((i + t) % 3 != 0)
          gs_cache_retire(cache, p);
        else
          kmem_cache_free(cache, p);
      }
    }).join();
  kmem_cache_free_barrier(cache);
  gs_cache_stats s = {};
  ASSERT_EQ(gs_cache_read_stats(cache, &s), 0);
  EXPECT_EQ(s.retired, threads * each * 2 / 3);
  EXPECT_EQ(s.reclaimed, s.retired);
  EXPECT_EQ(s.live, 0u);
  EXPECT_LT(s.carved, 64u * each) << "dead threads' objects are not used again";
  EXPECT_EQ(kmem_cache_destroy_wait(cache), 0);
}

// More caches than a thread's small table holds, ended by somebody else while the threads live on.
TEST(Churn, ManyCachesPerThread_C1) {
  constexpr unsigned n = 1500, threads = 3;
  for (int round = 0; round != 2; ++round) {
    std::vector<kmem_cache*> caches;
    for (unsigned i = 0; i != n; ++i) caches.push_back(make(16 + i % 100 * 8));
    std::vector<std::thread> all;
    for (unsigned t = 0; t != threads; ++t)
      all.emplace_back([&caches] {
        for (kmem_cache* cache : caches) {
          void* p = kmem_cache_alloc(cache, GFP_KERNEL);
          void* q = kmem_cache_alloc(cache, GFP_KERNEL);
          ASSERT_TRUE(p != nullptr && q != nullptr);
          gs_cache_retire(cache, p);
          kmem_cache_free(cache, q);
        }
      });
    for (std::thread& t : all) t.join();
    for (kmem_cache* cache : caches) (void)kmem_cache_destroy_rcu(cache);
    ASSERT_EQ(kmem_cache_destroy_barrier(), 0);
    ASSERT_EQ(caches_called_churn(), 0u);
  }
}

// A thread that stays meets the successors of the caches it used.
TEST(Churn, OneThreadManyGenerations_C6) {
  for (unsigned i = 0; i != 5000; ++i) {
    kmem_cache* cache = make(32 + i % 5 * 48);
    ASSERT_NE(cache, nullptr);
    void* p[10];
    for (void*& each : p) ASSERT_NE(each = kmem_cache_alloc(cache, GFP_KERNEL), nullptr);
    for (unsigned k = 0; k != 10; ++k)
      if (k % 2 != 0)
        gs_cache_retire(cache, p[k]);
      else
        kmem_cache_free(cache, p[k]);
    if (i % 2 != 0)
      ASSERT_EQ(kmem_cache_destroy_wait(cache), 0);
    else
      kmem_cache_destroy(cache);
  }
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_EQ(caches_called_churn(), 0u);
}

// Objects are freed by others than their makers, in both directions at once.
TEST(Churn, ObjectsCrossThreads_C1) {
  kmem_cache* cache = make();
  constexpr unsigned n = 100'000, slots = 128;
  std::vector<void*> slot(slots);
  std::uint64_t retired[2] = {};
  auto swap = [&](unsigned who) {
    for (unsigned i = 0; i != n; ++i) {
      void* p = kmem_cache_alloc(cache, GFP_KERNEL);
      if (p == nullptr) continue;
      void* old = gs_exchange(&slot[(i * 7 + who * 13) % slots], p);
      if (old == nullptr) continue;
      if (i % 4 == 0) {
        gs_cache_retire(cache, old);
        ++retired[who];
      } else {
        kmem_cache_free(cache, old);
      }
    }
  };
  std::thread other(swap, 1);
  swap(0);
  other.join();
  kmem_cache_free_barrier(cache);
  gs_cache_stats s = {};
  ASSERT_EQ(gs_cache_read_stats(cache, &s), 0);
  EXPECT_EQ(s.live, slots);
  EXPECT_EQ(s.retired, retired[0] + retired[1]);
  EXPECT_EQ(s.reclaimed, s.retired);
  for (void* p : slot) kmem_cache_free(cache, p);
  EXPECT_EQ(kmem_cache_destroy_wait(cache), 0);
}

}  // namespace
