// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Drain until quiet, then close. Contract I3.
#include <gtest/gtest.h>

#include <atomic>
#include <graceslab/cache.hpp>
#include <thread>

#include "reports_seen.hpp"

namespace {

graceslab::rcu_domain::options named(const char* name) {
  graceslab::rcu_domain::options o;
  o.name = name;
  return o;
}

struct link {
  rcu_head head;  // first
  gs_domain* domain;
  unsigned left;
  std::atomic<unsigned> ran{0};
};

void rearm_for_a_while(rcu_head* head) {
  auto* self = reinterpret_cast<link*>(head);
  ++self->ran;
  if (self->left != 0 && --self->left == 0) return;
  gs_call_rcu(self->domain, head, rearm_for_a_while, nullptr);
}
void run_once(rcu_head* head) { ++reinterpret_cast<link*>(head)->ran; }

TEST(Drain, I3_FollowsChainsOfAnyFiniteDepth) {
  graceslab::rcu_domain domain(named("drained"));
  link chain{{}, domain.native_handle(), 30};
  gs_call_rcu(domain.native_handle(), &chain.head, rearm_for_a_while, nullptr);
  EXPECT_EQ(domain.drain(), graceslab::errc::ok);
  EXPECT_EQ(chain.ran, 30u);
  EXPECT_EQ(domain.drain(), graceslab::errc::ok);  // quiet: returns at once
}

TEST(Drain, I3_NamesTheFunctionThatKeepsRearming) {
  reports_seen reports;
  graceslab::rcu_domain domain(named("restless"));
  static link chain{{}, nullptr, 0};
  chain.domain = domain.native_handle();
  gs_call_rcu(domain.native_handle(), &chain.head, rearm_for_a_while, nullptr);
  void* rearming = nullptr;
  EXPECT_EQ(domain.drain(10, 0, &rearming), graceslab::errc::busy);
  EXPECT_EQ(rearming, reinterpret_cast<void*>(rearm_for_a_while));
  EXPECT_EQ(reports.of(GS_REPORT_REARMING_CALLBACK), 1u) << reports.text();
  chain.left = 1;
  EXPECT_EQ(domain.drain(), graceslab::errc::ok);
}

TEST(Drain, I3_HasADeadline) {
  reports_seen reports;
  graceslab::rcu_domain domain(named("held"));
  std::atomic<bool> inside{false}, leave{false};
  std::thread reader([&] {
    graceslab::rcu_reader section(domain);
    inside = true;
    while (!leave) std::this_thread::yield();
  });
  while (!inside) std::this_thread::yield();
  link one{{}, domain.native_handle(), 1};
  gs_call_rcu(domain.native_handle(), &one.head, run_once, nullptr);
  EXPECT_EQ(domain.drain(0, 50), graceslab::errc::busy);
  EXPECT_EQ(one.ran, 0u);
  leave = true;
  reader.join();
  EXPECT_EQ(domain.drain(), graceslab::errc::ok);
  EXPECT_EQ(one.ran, 1u);
}

TEST(Drain, I3_CoversRetiresAndWhatTheirDestructorsPost) {
  graceslab::rcu_domain domain(named("both"));
  static std::atomic<unsigned> finished{0};
  struct noisy {
    ~noisy() { ++finished; }
    int value = 0;
  };
  graceslab::cache<noisy>::options o;
  o.domain = &domain;
  graceslab::cache<noisy> cache("noisy", o);
  for (int i = 0; i < 1000; ++i) cache.retire(cache.make());
  EXPECT_EQ(domain.drain(), graceslab::errc::ok);
  EXPECT_EQ(finished, 1000u);
}

TEST(Close, I3_ALaterPostOutsideASectionRunsInlineAfterAGracePeriod) {
  reports_seen reports;
  graceslab::rcu_domain domain(named("closed"));
  EXPECT_EQ(domain.close(), graceslab::errc::ok);
  link one{{}, domain.native_handle(), 1};
  gs_call_rcu(domain.native_handle(), &one.head, run_once, nullptr);
  EXPECT_EQ(one.ran, 1u);  // before the call returned
  EXPECT_EQ(reports.all(), 0u) << reports.text();
}

TEST(Close, I3_ALaterPostInsideASectionIsRefusedReportedAndLeaked) {
  reports_seen reports;
  graceslab::rcu_domain domain(named("closed"));
  EXPECT_EQ(domain.close(), graceslab::errc::ok);
  static link one{{}, nullptr, 1};
  {
    graceslab::rcu_reader section(domain);
    gs_call_rcu(domain.native_handle(), &one.head, run_once, nullptr);
  }
  graceslab::rcu_barrier(domain);
  EXPECT_EQ(one.ran, 0u);
  EXPECT_EQ(reports.of(GS_REPORT_CLOSED_DOMAIN), 1u) << reports.text();
}

TEST(Close, I3_APostOfARunningCallbackIsRefusedAndReported) {
  reports_seen reports;
  graceslab::rcu_domain domain(named("closed"));
  static link chain{{}, nullptr, 0};
  chain.domain = domain.native_handle();
  EXPECT_EQ(domain.close(), graceslab::errc::ok);
  // Runs inline; what it posts again comes from inside a callback.
  gs_call_rcu(domain.native_handle(), &chain.head, rearm_for_a_while, nullptr);
  EXPECT_EQ(chain.ran, 1u);
  EXPECT_EQ(reports.of(GS_REPORT_CLOSED_DOMAIN), 1u) << reports.text();
}

TEST(Close, I3_PostsThatRaceWithItAllRunOrAreReported) {
  reports_seen reports;
  static std::atomic<unsigned> ran;
  ran = 0;
  constexpr unsigned threads = 3, each = 400;
  struct node {
    rcu_head head;
  };
  static node nodes[threads][each];
  graceslab::rcu_domain domain(named("closing"));
  std::vector<std::thread> posters;
  for (auto& mine : nodes)
    posters.emplace_back([&domain, &mine] {
      for (node& n : mine)
        gs_call_rcu(
            domain.native_handle(), &n.head, [](rcu_head*) { ++ran; }, nullptr);
    });
  domain.close();
  for (auto& t : posters) t.join();
  graceslab::rcu_barrier(domain);
  EXPECT_EQ(ran, threads * each);
  EXPECT_EQ(reports.all(), 0u) << reports.text();
}

TEST(Drain, I3_R5_InsideASectionOrCallbackItReportsAndReturns) {
  reports_seen reports;
  static graceslab::rcu_domain domain(named("inside"));
  {
    graceslab::rcu_reader section(domain);
    EXPECT_EQ(domain.drain(), graceslab::errc::would_deadlock);
  }
  EXPECT_EQ(reports.of(GS_REPORT_BARRIER_IN_READER), 1u) << reports.text();
  static rcu_head head;
  gs_call_rcu(
      domain.native_handle(), &head, [](rcu_head*) { (void)domain.drain(); }, nullptr);
  graceslab::rcu_barrier(domain);
  EXPECT_EQ(reports.of(GS_REPORT_WAIT_IN_CALLBACK), 1u) << reports.text();
}

}  // namespace
