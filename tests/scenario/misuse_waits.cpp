// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// R5 for caches: waiting where one would wait for oneself is reported, with what happens instead.
#include <cerrno>

#include "watched.hpp"

namespace {

using namespace watched;

TEST(WaitInReader, A7_barrier_is_refused) {
  reports caught;
  kmem_cache* s = make_cache("reader");
  rcu_read_lock();
  retire(take(s, 3));
  EXPECT_EQ(gs_cache_barrier(s), -EDEADLK);
  EXPECT_EQ(caught.count(GS_REPORT_BARRIER_IN_READER), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "'reader'");
  EXPECT_EQ(in_flight(s), 3u);
  rcu_read_unlock();
  EXPECT_EQ(gs_cache_barrier(s), 0);
  EXPECT_EQ(in_flight(s), 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(WaitInReader, A3_global_barrier_is_refused) {
  reports caught;
  rcu_read_lock();
  kfree_rcu_barrier();
  rcu_read_unlock();
  EXPECT_EQ(caught.count(GS_REPORT_BARRIER_IN_READER), 1u) << caught.everything();
}

TEST(WaitInReader, A8_destroy_wait_lingers) {
  reports caught;
  kmem_cache* s = make_cache("reader");
  rcu_read_lock();
  retire(take(s, 3));
  EXPECT_EQ(kmem_cache_destroy_wait(s), -EBUSY);
  EXPECT_EQ(caught.count(GS_REPORT_BARRIER_IN_READER), 1u) << caught.everything();
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
  EXPECT_EQ(kmem_cache_destroy_barrier(), -EDEADLK);
  rcu_read_unlock();
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_TRUE(is_gone(s));
}

TEST(WaitInReader, A9_destroy_barrier_one_is_refused) {
  reports caught;
  kmem_cache* s = make_cache("reader");
  rcu_read_lock();
  retire(take(s, 3));
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), -EDEADLK);
  EXPECT_EQ(caught.count(GS_REPORT_BARRIER_IN_READER), 1u) << caught.everything();
  rcu_read_unlock();
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
}

TEST(WaitInCallback, A7_barrier_is_refused) {
  reports caught;
  kmem_cache* s = make_cache("callback");
  in_callback([&] {
    retire(take(s, 3));
    EXPECT_EQ(gs_cache_barrier(s), -EDEADLK);
  });
  EXPECT_EQ(caught.count(GS_REPORT_WAIT_IN_CALLBACK), 1u) << caught.everything();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(WaitInCallback, A9_destroy_barriers_are_refused) {
  reports caught;
  kmem_cache* s = make_cache("callback");
  object* out = take(s);
  in_callback([&] {
    kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
    EXPECT_EQ(kmem_cache_destroy_barrier(), -EDEADLK);
    EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), -EDEADLK);
  });
  EXPECT_EQ(caught.count(GS_REPORT_WAIT_IN_CALLBACK), 2u) << caught.everything();
  kfree(out);
  EXPECT_TRUE(is_gone_soon(s));
}

// A reader of another domain holds nothing of this cache back.
TEST(WaitInReader, A7_other_domains_do_not_count) {
  reports caught;
  gs_domain_options options = {"other", 0, 0, 0};
  gs_domain* other = gs_domain_create(&options);
  kmem_cache* s = make_cache("elsewhere");
  retire(take(s, 3));
  gs_domain_read_lock(other);
  EXPECT_EQ(gs_cache_barrier(s), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  gs_domain_read_unlock(other);
  EXPECT_EQ(gs_domain_destroy(other), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Updating inside a reader is legal: R3, R6.
TEST(WaitInReader, R6_free_retire_and_destroy_are_legal_inside_a_section) {
  reports caught;
  kmem_cache* s = make_cache("legal");
  rcu_read_lock();
  auto all = take(s, 1000);
  for (std::size_t i = 0; i != all.size(); ++i)
    i % 2 == 0 ? kmem_cache_free(s, all[i]) : gs_retire(all[i]);
  kfree_rcu_mightsleep(take(s));
  kmem_cache_destroy(s);
  rcu_read_unlock();
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Every way to wait for oneself, and what to look for in its report: the calls that led there.
void wait_in_every_way(reports& caught) {
  kmem_cache* s = make_cache("placed");
  kmem_cache_cookie_t cookie = 0;
  object* out = take(s);
  const std::pair<const char*, std::function<void()>> ways[] = {
      {"kfree_rcu_barrier", [] { kfree_rcu_barrier(); }},
      {"kmem_cache_free_barrier", [&] { kmem_cache_free_barrier(s); }},
      {"kmem_cache_destroy_wait", [] { kmem_cache_destroy_wait(make_cache("waited for")); }},
      {"kmem_cache_destroy_rcu", [&] { cookie = kmem_cache_destroy_rcu(s); }},
      {"kmem_cache_destroy_barrier", [] { kmem_cache_destroy_barrier(); }},
      {"kmem_cache_destroy_barrier_one", [&] { kmem_cache_destroy_barrier_one(cookie); }},
      {"rcu_barrier", [] { rcu_barrier(); }},
  };
  for (const auto& [name, wait] : ways) {
    SCOPED_TRACE(name);
    caught.forget();
    wait();
    EXPECT_EQ(caught.total(), 1u) << caught.everything();
    EXPECT_CONTAINS(caught.everything(), "#0 ");
    EXPECT_CONTAINS(caught.everything(), "#2 ");
  }
  kfree(out);
}

TEST(WaitInReader, R5_reports_show_the_place) {
  reports caught;
  rcu_read_lock();
  wait_in_every_way(caught);
  rcu_read_unlock();
}

TEST(WaitInCallback, R5_reports_show_the_place) {
  reports caught;
  in_callback([&] { wait_in_every_way(caught); });
}

}  // namespace
