// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A6, A8 and section 7: what a plain destroy does, per cache and per process.
#include <cerrno>

#include "watched.hpp"

namespace {

using namespace watched;

kmem_cache* with_policy(const char* name, int policy) {
  gs_cache_options o = {};
  o.name = name;
  o.size = sizeof(object);
  o.policy = policy;
  return gs_cache_create(&o);
}

TEST(PolicyReport, A6_plain_destroy_reports_any_outstanding_object) {
  reports caught;
  kmem_cache* s = with_policy("strict", GS_POLICY_REPORT);
  auto all = take(s, 7);
  held_reader reader;
  retire(all);
  kmem_cache_destroy(s);
  ASSERT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "'strict'");
  EXPECT_CONTAINS(caught.everything(), "0 objects allocated and 7 retired");
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);  // then lingers
  reader.leave();
  EXPECT_TRUE(is_gone_soon(s));
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
}

TEST(PolicyReport, A6_with_the_discipline_it_says_nothing) {
  reports caught;
  kmem_cache* s = with_policy("disciplined", GS_POLICY_REPORT);
  retire(take(s, 500));
  kfree_rcu_barrier();
  kmem_cache_destroy(s);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(PolicyReport, A6_destroy_rcu_lingers_without_a_report) {
  reports caught;
  kmem_cache* s = with_policy("asynchronous", GS_POLICY_REPORT);
  retire(take(s, 500));
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(PolicyWait, A8_plain_destroy_waits) {
  reports caught;
  kmem_cache* s = with_policy("waits", GS_POLICY_WAIT);
  retire(take(s, 500));
  kmem_cache_destroy(s);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(PolicyWait, A8_inside_a_callback_it_lingers_with_a_report) {
  reports caught;
  kmem_cache* s = with_policy("callback", GS_POLICY_WAIT);
  in_callback([&] {
    retire(take(s, 500));
    kmem_cache_destroy(s);
  });
  EXPECT_EQ(caught.count(GS_REPORT_WAIT_IN_CALLBACK), 1u) << caught.everything();
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_TRUE(is_gone(s));
}

TEST(PolicyWait, I1_wait_if_possible_lingers_without_a_report) {
  reports caught;
  kmem_cache* s = with_policy("if possible", GS_POLICY_DEFAULT);
  kmem_cache_cookie_t cookie = 0;
  in_callback([&] {
    held_reader reader;  // or it may be home already when destroy returns
    retire(take(s, 500));
    EXPECT_EQ(gs_cache_destroy_by(s, GS_POLICY_WAIT_IF_POSSIBLE, &cookie), -EBUSY);
  });
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(PolicyOverride, an_explicit_policy_wins_over_the_cache_s) {
  reports caught;
  kmem_cache* s = with_policy("explicit", GS_POLICY_REPORT);
  retire(take(s, 500));
  kmem_cache_cookie_t cookie = 0;
  EXPECT_EQ(gs_cache_destroy_by(s, GS_POLICY_WAIT, &cookie), 0);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Section 7: per process by the environment, read when the process starts.
TEST(PolicyDeathTest, A8_GRACESLAB_DESTROY_wait) {
  alone_with({{"GRACESLAB_DESTROY", "wait"}});
  EXPECT_EXIT(
      {
        kmem_cache* s = make_cache("by environment");
        retire(take(s, 500));
        kmem_cache_destroy(s);
        EXPECT_TRUE(is_gone(s));
        end_alone();
      },
      testing::ExitedWithCode(0), "");
  unsetenv("GRACESLAB_DESTROY");
}

TEST(PolicyDeathTest, A6_GRACESLAB_DESTROY_report) {
  alone_with({{"GRACESLAB_DESTROY", "report"}});
  EXPECT_EXIT(
      {
        kmem_cache* s = make_cache("by environment");
        auto all = take(s, 500);
        rcu_read_lock();
        retire(all);
        kmem_cache_destroy(s);
        rcu_read_unlock();
        end_alone();
      },
      testing::ExitedWithCode(0), "destroy-with-objects: cache 'by environment'");
  unsetenv("GRACESLAB_DESTROY");
}

TEST(PolicyDeathTest, A4_GRACESLAB_DESTROY_nonsense_is_reported_and_lingers) {
  alone_with({{"GRACESLAB_DESTROY", "explode"}});
  EXPECT_EXIT(
      {
        kmem_cache* s = make_cache("by default");
        auto all = take(s, 500);
        held_reader reader;
        retire(all);
        kmem_cache_destroy(s);
        EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
        end_alone();
      },
      testing::ExitedWithCode(0), "bad-config: GRACESLAB_DESTROY=explode");
  unsetenv("GRACESLAB_DESTROY");
}

}  // namespace
