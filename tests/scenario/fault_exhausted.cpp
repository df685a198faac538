// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C6, K1, K2, K6: memory runs out at every place where the library asks for some, once and for
// good.
#include <gtest/gtest.h>

#include <string>

#include "fault_scenario.hpp"

namespace {

constexpr const char* site_names[GS_FAULT_SITES] = {"Pages", "Array", "Meta", "Thread"};
constexpr std::uint32_t attempts_at_most = 400;

class Exhausted : public testing::TestWithParam<int> {
 protected:
  gs_fault_site site() const { return static_cast<gs_fault_site>(GetParam()); }
};

// The n-th attempt fails, for every n until a life is over before its n-th attempt.
TEST_P(Exhausted, OnceAtEveryAttempt_C6_K1_K2) {
  std::uint32_t n = 1;
  for (int status = fault::ok_status; status != fault::no_hit_status; ++n) {
    ASSERT_LT(n, attempts_at_most);
    status = fault::in_child([&] {
      fault::fail_at(site(), n);
      std::uint64_t refused = fault::whole_life();
      std::uint64_t hits = gs_fault_hits(site());
      if (refused > hits) fault::wrong("%d refusals", static_cast<int>(refused));
      return hits == 0 ? fault::no_hit_status : fault::ok_status;
    });
    ASSERT_TRUE(status == fault::ok_status || status == fault::no_hit_status)
        << site_names[GetParam()] << " attempt " << n << ": status " << status;
  }
  EXPECT_GT(n, 2u) << "nothing was asked for at all";
}

// From the n-th attempt on, every attempt fails until the counts are taken.
TEST_P(Exhausted, ForGoodFromEveryStep_C6_K1_K2) {
  for (int step = 0; step != 6; ++step) {
    int status = fault::in_child([&] {
      fault::books b;
      fault::create(b);
      auto from = [&](int here) {
        if (step == here) fault::fail_at(site(), 1, -1);
      };
      from(0);
      fault::allocate(b, 200);
      from(1);
      fault::give_back(b);
      from(2);
      std::thread([&] {
        fault::allocate(b, 100);
        from(3);
        fault::give_back(b);
        fault::retire_without_head(b);
      }).join();
      from(4);
      fault::use_any_size();
      fault::retire_without_head(b);
      from(5);
      fault::check_counts(b);
      gs_fault_set(site(), nullptr);
      fault::allocate(b, 20);
      fault::check_counts(b);
      fault::end(b);
      return fault::ok_status;
    });
    ASSERT_EQ(status, fault::ok_status) << site_names[GetParam()] << " from step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Sites, Exhausted, testing::Range(0, static_cast<int>(GS_FAULT_SITES)),
                         [](const auto& i) { return std::string(site_names[i.param]); });

// Nothing at all is to be had any more.
TEST(ExhaustedEverywhere, GivingBackStillWorks_C6_K1) {
  EXPECT_EQ(fault::ok_status, fault::in_child([] {
              fault::books b;
              fault::create(b);
              fault::allocate(b, 300);
              fault::fail_always(true);
              std::thread([&b] { fault::give_back(b); }).join();
              fault::check_counts(b);
              fault::fail_always(false);
              fault::end(b);
              return fault::ok_status;
            }));
}

TEST(ExhaustedEverywhere, AllocationsAreRefusedAndNothingElseChanges_C6) {
  EXPECT_EQ(fault::ok_status, fault::in_child([] {
              fault::books b;
              fault::create(b);
              fault::fail_always(true);
              // Records come by the page: some caches can still be had, but not without end.
              std::vector<kmem_cache*> more;
              while (kmem_cache* cache = kmem_cache_create("another", 64, 0, 0, nullptr)) {
                more.push_back(cache);
                if (kmem_cache_alloc(cache, GFP_KERNEL) != nullptr) fault::wrong("an object");
                if (more.size() == 100'000) fault::wrong("caches without end");
              }
              for (kmem_cache* cache : more)
                if (kmem_cache_destroy_wait(cache) != 0) fault::wrong("an empty cache did not go");
              if (kmem_cache_alloc(b.cache, GFP_KERNEL) != nullptr) fault::wrong("an object");
              if (kmalloc(100'000, GFP_KERNEL) != nullptr) fault::wrong("a page run");
              void* many[64];
              if (kmem_cache_alloc_bulk(b.cache, GFP_KERNEL, 64, many) != 0)
                fault::wrong("objects");
              gs_cache_stats s = {};
              if (gs_cache_read_stats(b.cache, &s) != 0 || s.carved != 0)
                fault::wrong("objects were made");
              fault::fail_always(false);
              fault::allocate(b, 10);
              if (b.live.size() != 10) fault::wrong("no recovery");
              fault::end(b);
              return fault::ok_status;
            }));
}

// K2: without an array the caller waits for readers and then frees, before it returns.
TEST(ExhaustedEverywhere, MightsleepWaitsForReadersAndFrees_K2) {
  EXPECT_EQ(fault::ok_status, fault::in_child([] {
              fault::books b;
              fault::create(b);
              fault::allocate(b, 1);
              std::uint32_t inside = 0, left = 0;
              fault::fail_always(true);
              std::thread reader([&] {
                rcu_read_lock();
                gs_store_release(&inside, 1u);
                usleep(100'000);
                gs_store_release(&left, 1u);
                rcu_read_unlock();
              });
              std::thread([&] {
                while (gs_load_acquire(&inside) == 0) usleep(100);
                kfree_rcu_mightsleep(b.live.back());
                if (gs_load_acquire(&left) == 0)
                  fault::wrong("it returned before the reader had left");
              }).join();
              b.live.clear();
              reader.join();
              gs_cache_stats s = {};
              (void)gs_cache_read_stats(b.cache, &s);
              if (s.live != 0 || s.retired != s.reclaimed) fault::wrong("it is not free");
              fault::fail_always(false);
              fault::end(b);
              return fault::ok_status;
            }));
}

// The one failure that ends a program, because its author asked for it.
TEST(ExhaustedEverywhere, PanicAborts_C6) {
  EXPECT_EQ(128 + SIGABRT, fault::in_child([] {
              fault::fail_always(true);
              for (int i = 0; i != 100'000; ++i)
                (void)kmem_cache_create("vital", 64, 0, SLAB_PANIC, nullptr);
              return fault::ok_status;
            }));
}

// K6: what is retired can be had back at once, and allocation asks for it before it gives up.
TEST(Pressure, ReclaimNowBringsEverythingHome_K6) {
  kmem_cache* cache = kmem_cache_create("pressure", 256, 0, 0, nullptr);
  ASSERT_NE(cache, nullptr);
  for (int i = 0; i != 1000; ++i) gs_cache_retire(cache, kmem_cache_alloc(cache, GFP_KERNEL));
  gs_domain_reclaim_now(nullptr);
  gs_cache_stats s = {};
  ASSERT_EQ(gs_cache_read_stats(cache, &s), 0);
  EXPECT_EQ(s.retired, 1000u);
  EXPECT_EQ(s.reclaimed, 1000u);
  EXPECT_EQ(kmem_cache_destroy_wait(cache), 0);
}

TEST(Pressure, AllocationFallsBackOnRetiredObjects_K6) {
  EXPECT_EQ(fault::ok_status, fault::in_child([] {
              fault::books b;
              fault::create(b);
              fault::allocate(b, 500);
              fault::fail_always(true);
              std::size_t n = b.live.size() - 8;
              fault::give_back(b);
              unsigned got = 0;
              for (int i = 0; i != 1000 && got < n / 4; ++i) {
                if (void* p = kmem_cache_alloc(b.cache, GFP_KERNEL)) {
                  b.live.push_back(static_cast<fault::object*>(p));
                  ++got;
                }
              }
              if (got < n / 4) fault::wrong("only %u of %zu objects came back", got, n);
              fault::fail_always(false);
              fault::check_counts(b);
              fault::end(b);
              return fault::ok_status;
            }));
}

}  // namespace
