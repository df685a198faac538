// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Unloading real shared objects, in order and out of order, with the protection on. Contract I4,
// A1.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <graceslab/teardown.hpp>
#include <thread>

#include "loaded_module.hpp"
#include "reports_seen.hpp"

namespace {

using namespace std::chrono_literals;

class Unload : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Modules, Unload, testing::Values("plain", "typed"),
                         [](const auto& which) { return std::string(which.param); });

// A1: stop posting, rcu_barrier(), unload. Nothing to complain about.
TEST_P(Unload, A1_ProtocolIsSafeAndSilent) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  m.api().post(1000);
  m.api().retire(1000);
  m.api().stop();
  EXPECT_EQ(m.counts.ran, 1000u);
  EXPECT_TRUE(m.unload());
  graceslab::rcu_barrier();
  EXPECT_EQ(reports.all(), 0u) << reports.text();
}

TEST_P(Unload, I4_PendingCallbacksRunBeforeTheCodeGoes) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  m.api().post(5000);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.ran, m.counts.posted);
  EXPECT_GE(reports.of(GS_REPORT_OWNER_UNLOADED), 1u);
  graceslab::rcu_barrier();
}

TEST_P(Unload, I4_AChainOfCallbacksIsFollowedToItsEnd) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  m.api().post_chain(5);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.ran, 5u);
}

TEST_P(Unload, I4_ACallbackThatAlwaysRearmsIsStoppedAndReported) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  m.api().post_chain(0);
  EXPECT_TRUE(m.unload());
  EXPECT_GE(reports.of(GS_REPORT_REARMING_CALLBACK), 1u) << reports.text();
  const unsigned long ran = gs_load_relaxed(&m.counts.ran);
  graceslab::rcu_barrier();
  EXPECT_EQ(gs_load_relaxed(&m.counts.ran), ran);
}

// The blocked callback is inside the module while it is being unloaded.
TEST_P(Unload, I4_WaitsForACallbackThatRuns) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  m.api().post_blocking();
  while (sem_wait(&m.counts.entered) != 0) continue;
  std::atomic<bool> gone{false};
  std::thread closer([&] {
    EXPECT_TRUE(m.unload());
    gone = true;
  });
  std::this_thread::sleep_for(50ms);
  EXPECT_FALSE(gone);
  sem_post(&m.counts.go_on);
  closer.join();
  EXPECT_EQ(m.counts.ran, 1u);
}

// Naming the destroyer's stack must not need the loader's lock, which dlclose() holds while it
// waits.
TEST_P(Unload, I4_ACallbackMayDestroyACacheWhileItsModuleIsUnloaded) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  m.counts.destroys = 1;
  m.api().post_blocking();
  while (sem_wait(&m.counts.entered) != 0) continue;
  std::thread closer([&] { EXPECT_TRUE(m.unload()); });
  std::this_thread::sleep_for(50ms);
  sem_post(&m.counts.go_on);
  closer.join();
  EXPECT_EQ(m.counts.ran, 1u);
}

// Waiting for one owner does not wait for a blocked callback of another one ahead in the queue
// (I4).
TEST_P(Unload, I4_IsNotHeldBackByAnotherOwnersCallback) {
  reports_seen reports;
  loaded_module stuck(GetParam());
  stuck.start();
  stuck.api().post_blocking();
  while (sem_wait(&stuck.counts.entered) != 0) continue;
  loaded_module m(GetParam() == std::string("plain") ? "typed" : "plain");
  m.start();
  m.api().post(100);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.ran, 100u);
  EXPECT_EQ(stuck.counts.ran, 0u);
  sem_post(&stuck.counts.go_on);
  stuck.api().stop();
}

TEST_P(Unload, I4_ACacheThatWasNotDestroyedIsReportedAndDestroyed) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  m.api().retire(300);
  EXPECT_TRUE(m.unload());
  EXPECT_GE(reports.of(GS_REPORT_OWNER_UNLOADED), 1u) << reports.text();
  EXPECT_NE(reports.text().find("module-"), std::string::npos) << reports.text();
  EXPECT_EQ(gs_cache_destroy_barrier(), 0);
}

TEST_P(Unload, I4_LiveObjectsOfItsCacheAreReportedAndKeptMapped) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  auto* kept = static_cast<volatile char*>(m.api().keep());
  ASSERT_NE(kept, nullptr);
  EXPECT_TRUE(m.unload());
  EXPECT_GE(reports.of(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << reports.text();
  kept[0] = 1;  // never freed early
  gs_kfree(const_cast<char*>(kept));
  EXPECT_EQ(gs_cache_destroy_barrier(), 0);
}

TEST(UnloadTyped, I4_DestructorsOfRetiredObjectsRunBeforeTheCodeGoes) {
  reports_seen reports;
  loaded_module m("typed");
  m.start();
  m.api().retire(700);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.finished, 700u);
  graceslab::retire_barrier();
  graceslab::rcu_barrier();
}

// A cache of static lifetime is destroyed by dlclose() itself: its retires are waited for.
TEST(UnloadStatics, I4_AStaticCacheEndsSilentlyWithRetiresPending) {
  reports_seen reports;
  loaded_module m("statics");
  m.start();
  m.api().retire(500);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.finished, 500u);
  EXPECT_EQ(reports.all(), 0u) << reports.text();
}

// ... and callbacks that free into it run after its destructor: it lingers for them.
TEST(UnloadStatics, I4_AStaticCacheOutlivesItsCallbacks) {
  reports_seen reports;
  loaded_module m("statics");
  m.start();
  m.api().post(300);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.ran, 300u);
  EXPECT_EQ(graceslab::destroy_barrier(), graceslab::errc::ok);
}

// Whenever the module used the library first: its callbacks and destructors meet its static objects
// alive, also one made after that.
TEST(UnloadStatics, I4_CallbacksRunBeforeStaticObjectsEnd) {
  reports_seen reports;
  loaded_module m("early");
  m.start();
  m.api().post(2000);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.ran, 2000u);
  EXPECT_EQ(m.counts.finished, 2000u);
}

TEST(UnloadStatics, I4_DestructorsRunBeforeStaticObjectsEnd) {
  reports_seen reports;
  loaded_module m("early");
  m.start();
  m.api().retire(700);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.finished, 700u);
}

TEST_P(Unload, I4_ReloadAtTheSameAddressIsANewOwner) {
  reports_seen reports;
  const void* first = nullptr;
  bool again = false;
  for (int i = 0; i < 20; ++i) {
    loaded_module m(GetParam());
    if (first == nullptr) first = m.where();
    again |= i > 0 && m.where() == first;
    m.start();
    m.api().post(50);
    m.api().retire(50);
    if (i % 2 == 0) m.api().stop();
    ASSERT_TRUE(m.unload()) << "round " << i;
    ASSERT_EQ(m.counts.ran, 50u) << "round " << i;
  }
  if (!again) GTEST_SKIP() << "the loader never gave the same address again";
}

TEST(UnloadSeveral, I4_EachModuleIsSettledAlone) {
  reports_seen reports;
  loaded_module a("plain"), b("typed");
  a.start();
  b.start();
  for (int i = 0; i < 20; ++i) {
    a.api().post(50);
    b.api().post(50);
  }
  EXPECT_TRUE(a.unload());
  EXPECT_EQ(a.counts.ran, 1000u);
  b.api().post(10);
  EXPECT_TRUE(b.unload());
  EXPECT_EQ(b.counts.ran, 1010u);
}

// The library's inlined structures are versioned; a module from another time is told apart at once.
TEST(UnloadOutdated, I4_ALayoutMismatchIsReported) {
  reports_seen reports;
  loaded_module m("outdated");
  m.start();
  EXPECT_EQ(reports.of(GS_REPORT_LAYOUT_MISMATCH), 1u);
  EXPECT_NE(reports.text().find("outdated.so"), std::string::npos) << reports.text();
  EXPECT_TRUE(m.unload());
}

// dlclose() in a section cannot wait for a grace period: the callbacks leak, nobody jumps into the
// void.
TEST_P(Unload, I4_InsideASectionCallbacksAreDroppedRatherThanRunLate) {
  reports_seen reports;
  loaded_module m(GetParam());
  m.start();
  {
    graceslab::rcu_reader section;
    m.api().post(10);
    EXPECT_TRUE(m.unload());
  }
  EXPECT_GE(reports.of(GS_REPORT_OWNER_UNLOADED), 1u) << reports.text();
  graceslab::rcu_synchronize();
  graceslab::rcu_barrier();
  EXPECT_LE(m.counts.ran, 10u);
}

}  // namespace
