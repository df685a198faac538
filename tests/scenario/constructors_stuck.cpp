// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B7: a constructor that does not return is named to whoever waits for the end of its cache.
#include <errno.h>
#include <unistd.h>

#include <atomic>

#include "child_process.hpp"
#include "loaded_module.hpp"
#include "setting.hpp"
#include "watched.hpp"

namespace {

using namespace watched;

// A cache whose first constructors block, each at a gate of its own, on a thread of their own.
struct stuck_maker {
  static constexpr unsigned blocking = 2;

  explicit stuck_maker(unsigned flags = 0) {
    made = this;
    cache = kmem_cache_create("made-slowly", 64, 0, flags, construct);
    allocator = std::thread([this] {
      tid = gettid();
      (void)kmem_cache_alloc(cache, 0);
    });
    wait_until_inside(0);
  }
  ~stuck_maker() { let_go(); }
  stuck_maker(const stuck_maker&) = delete;
  stuck_maker& operator=(const stuck_maker&) = delete;

  static void construct(void*) {
    const unsigned i = made->entered++;
    if (i < blocking) made->leave[i].pass();
  }
  void wait_until_inside(unsigned i) {
    ASSERT_TRUE(eventually([&] { return entered > i; }));
  }
  void let_go() {
    for (gate& g : leave) g.open();
    if (allocator.joinable()) allocator.join();
  }
  std::string thread() const { return "in thread " + std::to_string(tid) + " ("; }
  bool is_named_in(const std::string& text) const {
    return contains(text, "constructor ") && contains(text, "of cache 'made-slowly' #") &&
           contains(text, thread());
  }

  static stuck_maker* made;
  kmem_cache* cache;
  std::atomic<unsigned> entered{0};
  std::atomic<pid_t> tid{0};
  gate leave[blocking];
  std::thread allocator;
};
stuck_maker* stuck_maker::made;

void expect_named_again_and_again(reports& caught, const stuck_maker& m) {
  EXPECT_TRUE(eventually([&] { return caught.count(GS_REPORT_STALL) > 2; }));
  for (const std::string& text : caught.of(GS_REPORT_STALL)) {
    EXPECT_TRUE(m.is_named_in(text)) << text;
    EXPECT_CONTAINS(text, "the end of its cache waits for it");
    EXPECT_CONTAINS(text, "    #0 ");
  }
}

TEST(ConstructorStuck, B7_a_destroy_that_waits_names_it_and_again_later) {
  setting limit("GRACESLAB_STALL_MS", "20", "21000");
  reports caught;
  stuck_maker m;
  std::atomic<int> result{1};
  std::thread destroyer([&] { result = kmem_cache_destroy_wait(m.cache); });
  expect_named_again_and_again(caught, m);
  EXPECT_EQ(result, 1);
  m.let_go();
  destroyer.join();
  EXPECT_EQ(result, 0);
}

// No leak is ever reported of this cache, and so the barrier has no end of its own.
TEST(ConstructorStuck, B7_A9_a_barrier_for_a_destroy_names_it_and_again_later) {
  setting limit("GRACESLAB_STALL_MS", "20", "21000");
  reports caught;
  stuck_maker m(SLAB_DESTROY_ONCE_FULLY_FREED);
  const kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(m.cache);
  std::atomic<int> result{1};
  std::thread barrier([&] { result = kmem_cache_destroy_barrier_one(cookie); });
  expect_named_again_and_again(caught, m);
  EXPECT_EQ(result, 1);
  m.let_go();
  barrier.join();
  EXPECT_EQ(result, 0);
}

TEST(ConstructorStuck, B7_A9_barriers_keep_the_splat_limit_and_the_leak_report_names_it) {
  setting limit("GRACESLAB_LINGER_SPLAT_MS", "50", "21000");
  reports caught;
  stuck_maker m;
  const kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(m.cache);
  EXPECT_EQ(kmem_cache_destroy_barrier(), -EBUSY);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), -EBUSY);
  EXPECT_TRUE(eventually([&] { return caught.count(GS_REPORT_LEAK) != 0; }));
  const std::string said = caught.text(GS_REPORT_LEAK);
  EXPECT_TRUE(m.is_named_in(said)) << said;
  EXPECT_CONTAINS(said, "    #0 ");
  EXPECT_EQ(caught.count(GS_REPORT_STALL), 0u) << caught.everything();
  m.let_go();
  EXPECT_TRUE(is_gone_soon(m.cache));
}

TEST(ConstructorStuck, B7_I7_why_names_it) {
  stuck_maker m(SLAB_DESTROY_ONCE_FULLY_FREED);
  const std::string said = why(kmem_cache_destroy_rcu(m.cache));
  EXPECT_TRUE(m.is_named_in(said)) << said;
  m.let_go();
}

// Barriers, drains and destroys of others pass it by, and its own cache's end is waited for by
// nobody.
TEST(ConstructorStuck, B7_nothing_is_said_where_nobody_waits) {
  virtual_clock clock;
  reports caught;
  stuck_maker m(SLAB_DESTROY_ONCE_FULLY_FREED);
  const kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(m.cache);
  (void)why(cookie);  // a look
  for (int i = 0; i != 5; ++i) {
    clock.advance(60'000);
    kmem_cache* other = make_cache("other");
    gs_retire(take(other));
    kfree_rcu_barrier();
    EXPECT_EQ(gs_domain_drain(nullptr, 0, 60'000, nullptr), 0);
    EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
    EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  m.let_go();
}

TEST(ConstructorStuck, B7_none_is_blamed_for_the_time_of_another) {
  virtual_clock clock;
  reports caught;
  stuck_maker m(SLAB_DESTROY_ONCE_FULLY_FREED);
  const kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(m.cache);
  std::thread barrier([&] { EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0); });
  (void)why(cookie);  // a look
  clock.advance(15'000);
  EXPECT_CONTAINS(why(cookie), "for at least 15000 ms");
  m.leave[0].open();
  m.wait_until_inside(1);
  EXPECT_CONTAINS(why(cookie), "for at least 0 ms");
  clock.advance(15'000);
  EXPECT_CONTAINS(why(cookie), "for at least 15000 ms");
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  clock.advance(6'000);
  EXPECT_TRUE(eventually([&] { return caught.count(GS_REPORT_STALL) == 1; }));
  EXPECT_CONTAINS(caught.everything(), "for at least 21000 ms");
  m.let_go();
  barrier.join();
}

TEST(ConstructorStuck, B7_I4_unloading_waits_for_it_and_names_it) {
  setting limit("GRACESLAB_STALL_MS", "20", "21000");
  reports caught;
  loaded_module m("constructed");
  m.start();
  std::thread allocator([&] { EXPECT_EQ(kmem_cache_alloc(m.counts.cache, 0), nullptr); });
  while (sem_wait(&m.counts.entered) != 0) continue;
  std::atomic<bool> gone{false};
  std::thread closer([&] {
    EXPECT_TRUE(m.unload());
    gone = true;
  });
  EXPECT_TRUE(eventually([&] {
    return contains(caught.text(GS_REPORT_STALL), "constructed.so waits for it") || gone;
  })) << caught.everything();
  EXPECT_FALSE(gone);
  EXPECT_CONTAINS(caught.text(GS_REPORT_STALL), "of cache 'module-made' #");
  EXPECT_CONTAINS(caught.text(GS_REPORT_STALL), "; unloading ");
  sem_post(&m.counts.go_on);
  allocator.join();
  closer.join();
  EXPECT_EQ(m.counts.ran, m.counts.posted);
}

child_result end_as(const char* role, const std::vector<std::string>& settings = {}) {
  return run_child({GRACESLAB_CHILD_DIR "/exit", role}, settings);
}

TEST(ConstructorStuck, B7_I8_exit_waits_for_none) {
  for (const char* policy :
       {"GRACESLAB_EXIT=drain", "GRACESLAB_EXIT=strict", "GRACESLAB_EXIT=leave"}) {
    const child_result child = end_as("constructor", {policy});
    EXPECT_TRUE(child.fine()) << policy << child.story();
    EXPECT_FALSE(child.reported_anything()) << policy << child.story();
  }
}

// What the program itself waits for at exit has no deadline, and is told who it waits for.
TEST(ConstructorStuck, B7_I8_a_destroy_at_exit_that_waits_names_it) {
  const child_result child = end_as("constructor_atexit", {"GRACESLAB_STALL_MS=20"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_CONTAINS(child.out, "stall: constructor ");
  EXPECT_CONTAINS(child.out, "of cache 'made-at-exit' #");
}

// A static token settles its caches within the deadline of exit.
TEST(ConstructorStuck, B7_I8_a_token_at_exit_keeps_the_deadline_and_names_it) {
  const child_result child = end_as("constructor_token", {"GRACESLAB_EXIT_MS=200"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("exit-undrained")) << child.story();
  EXPECT_CONTAINS(child.err, "of cache 'made-at-exit' #");
}

}  // namespace
