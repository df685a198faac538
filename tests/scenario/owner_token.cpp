// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Explicit owners, finer than a shared object. Contract I4.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <semaphore.h>

#include <atomic>
#include <graceslab/teardown.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "reports_seen.hpp"

namespace {

struct counted {
  rcu_head head;  // first
  std::atomic<unsigned>* ran;
};
void count(rcu_head* head) { ++*reinterpret_cast<counted*>(head)->ran; }

struct stuck {
  rcu_head head;  // first
  sem_t entered, go_on;
  stuck() {
    sem_init(&entered, 0, 0);
    sem_init(&go_on, 0, 0);
  }
  void wait_until_it_runs() {
    while (sem_wait(&entered) != 0) continue;
  }
  static void run(rcu_head* head) {
    auto* self = reinterpret_cast<stuck*>(head);
    sem_post(&self->entered);
    while (sem_wait(&self->go_on) != 0) continue;
  }
};

TEST(OwnerToken, I4_SettleWaitsForItsCallbacksAlone) {
  graceslab::owner_token mine("mine"), other("other");
  stuck blocked;
  other.call(&blocked.head, stuck::run);
  blocked.wait_until_it_runs();
  std::atomic<unsigned> ran{0};
  std::vector<counted> all(500);
  for (counted& c : all) {
    c.ran = &ran;
    mine.call(&c.head, count);
  }
  EXPECT_EQ(mine.settle(), 0u);
  EXPECT_EQ(ran, 500u);
  sem_post(&blocked.go_on);
}

TEST(OwnerToken, I4_SettleWaitsForACallbackThatRuns) {
  graceslab::owner_token mine("mine");
  stuck blocked;
  mine.call(&blocked.head, stuck::run);
  blocked.wait_until_it_runs();
  std::atomic<bool> settled{false};
  std::thread settler([&] {
    mine.settle();
    settled = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_FALSE(settled);
  sem_post(&blocked.go_on);
  settler.join();
}

// A token goes on after settle(): later posts are queued as ever.
TEST(OwnerToken, I4_CanBeUsedAgainAfterSettle) {
  reports_seen reports;
  graceslab::owner_token mine("mine");
  std::atomic<unsigned> ran{0};
  for (unsigned round = 1; round <= 5; ++round) {
    counted c{{}, &ran};
    mine.call(&c.head, count);
    EXPECT_EQ(mine.settle(), 0u);
    EXPECT_EQ(ran, round);
  }
  EXPECT_EQ(reports.all(), 0u) << reports.text();
}

struct rearming {
  rcu_head head;  // first
  graceslab::owner_token* owner;
  std::atomic<unsigned> ran{0};
  static void run(rcu_head* head) {
    auto* self = reinterpret_cast<rearming*>(head);
    ++self->ran;
    self->owner->call(head, run);
  }
};

TEST(OwnerToken, I4_I3_ACallbackThatAlwaysRearmsIsRefusedAndNamed) {
  reports_seen reports;
  graceslab::owner_token mine("mine");
  rearming chain{{}, &mine};
  mine.call(&chain.head, rearming::run);
  EXPECT_EQ(mine.settle(), 1u);
  EXPECT_EQ(reports.of(GS_REPORT_REARMING_CALLBACK), 1u);
  EXPECT_NE(reports.text().find("rearming"), std::string::npos) << reports.text();
  const unsigned ran = chain.ran;
  graceslab::rcu_barrier();
  EXPECT_EQ(chain.ran, ran);
}

TEST(OwnerToken, I4_ItsCachesAreSettledToo) {
  reports_seen reports;
  gs_cache_options options = {};
  options.name = "token-cache";
  options.size = 64;
  auto token = std::make_unique<graceslab::owner_token>("short-lived");
  options.owner = token->native_handle();
  kmem_cache* cache = gs_cache_create(&options);
  ASSERT_NE(cache, nullptr);
  for (int i = 0; i < 100; ++i) gs_cache_retire(cache, gs_cache_alloc(cache, 0));
  token.reset();
  EXPECT_GE(reports.of(GS_REPORT_OWNER_UNLOADED), 1u) << reports.text();
  EXPECT_NE(reports.text().find("token-cache"), std::string::npos) << reports.text();
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
}

TEST(OwnerToken, I4_SettleInsideItsOwnCallbackReportsAndReturns) {
  reports_seen reports;
  static graceslab::owner_token mine("mine");
  static std::atomic<bool> done{false};
  static rcu_head head;
  mine.call(&head, [](rcu_head*) {
    mine.settle();
    done = true;
  });
  graceslab::rcu_barrier();
  EXPECT_TRUE(done);
  EXPECT_GE(reports.of(GS_REPORT_WAIT_IN_CALLBACK), 1u) << reports.text();
}

TEST(OwnerToken, I4_ManyThreadsPostWhileOneSettles) {
  graceslab::owner_token mine("mine");
  constexpr unsigned threads = 4, each = 3000;
  std::atomic<unsigned> ran{0}, posted{0};
  std::vector<std::vector<counted>> all(threads);
  std::vector<std::thread> posters;
  for (auto& some : all)
    posters.emplace_back([&] {
      some.resize(each);
      for (counted& c : some) {
        c.ran = &ran;
        mine.call(&c.head, count);
        ++posted;
      }
    });
  while (posted < threads * each / 2) mine.settle();
  for (auto& t : posters) t.join();
  mine.settle();
  EXPECT_EQ(ran, threads * each);
}

// A handle that was used after its end is recognised, also when a new owner lives in its place.
TEST(OwnerToken, I4_SettleOfADestroyedOwnerIsReported) {
  reports_seen reports;
  gs_owner* gone = gs_owner_create("gone");
  gs_owner_destroy(gone);
  EXPECT_EQ(gs_owner_settle(gone), 0u);
  EXPECT_EQ(reports.of(GS_REPORT_STALE_HANDLE), 1u);
  gs_owner_destroy(nullptr);
}

// The main program's own callbacks have an owner as well; nothing is ever unloaded there.
TEST(OwnerToken, I4_AlwaysFitsThoughManyAreCreated) {
  std::vector<std::unique_ptr<graceslab::owner_token>> many;
  for (int i = 0; i < 300; ++i)
    many.push_back(
        std::make_unique<graceslab::owner_token>(("owner " + std::to_string(i)).c_str()));
  std::atomic<unsigned> ran{0};
  std::vector<counted> all(many.size());
  for (std::size_t i = 0; i < many.size(); ++i) {
    all[i].ran = &ran;
    many[i]->call(&all[i].head, count);
  }
  many.clear();
  EXPECT_EQ(ran, all.size());
}

}  // namespace
