// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B5: a constructor holds up nobody but the end of its own cache, may end in any way, and is told
// when it waits for itself.
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "child_process.hpp"
#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::size_t object_bytes = 64;
constexpr unsigned char made_byte = 0x5c;

std::atomic<int> constructed;
std::atomic<int> entered;
std::function<void()>* inside;  // what the first constructor does

void construct(void* p) {
  if (entered++ == 0 && inside != nullptr) (*inside)();
  *static_cast<unsigned char*>(p) = made_byte;
  ++constructed;
}

class made_cache {
 public:
  explicit made_cache(std::function<void()> first) : first_(std::move(first)) {
    constructed = entered = 0;
    inside = &first_;
    cache = kmem_cache_create("made-aside", object_bytes, 0, 0, construct);
  }
  ~made_cache() { inside = nullptr; }
  made_cache(const made_cache&) = delete;
  made_cache& operator=(const made_cache&) = delete;
  kmem_cache* cache;

 private:
  std::function<void()> first_;
};

bool in_constructor() {
  return eventually([] { return entered.load() != 0; });
}

// All that there are of it, each constructed; and it ends at once.
void expect_whole_and_end(kmem_cache* s) {
  EXPECT_EQ(stats_of(s).live, 0u);
  EXPECT_EQ(stats_of(s).leaked, 0u);
  std::vector<unsigned char*> all(200);
  for (auto& p : all) {
    p = static_cast<unsigned char*>(kmem_cache_alloc(s, 0));
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(*p, made_byte);
  }
  EXPECT_EQ(stats_of(s).live, all.size());
  for (auto* p : all) kmem_cache_free(s, p);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// None of these may need a thread that is blocked in a constructor: else this test never ends.
TEST(ConstructorAside, B5_one_that_blocks_holds_up_no_stranger) {
  reports caught;
  gate go_on;
  made_cache made([&] { go_on.pass(); });
  void* late = &late;
  std::thread allocator([&] { late = kmem_cache_alloc(made.cache, 0); });
  ASSERT_TRUE(in_constructor());

  kmem_cache* other = kmem_cache_create("other", object_bytes, 0, 0, nullptr);
  gs_retire(kmem_cache_alloc(other, 0));
  EXPECT_EQ(gs_cache_barrier(made.cache), 0);
  EXPECT_EQ(gs_cache_barrier(other), 0);
  gs_retire(kmem_cache_alloc(other, 0));
  kfree_rcu_barrier();
  EXPECT_EQ(gs_domain_drain(nullptr, 0, 60'000, nullptr), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
  EXPECT_EQ(stats_of(made.cache).live, 0u);
  EXPECT_GT(stats_of(made.cache).carved, 0u);

  // Its own end goes on without it as far as that can be.
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(made.cache);
  EXPECT_CONTAINS(why(cookie), "constructor");
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  go_on.open();
  allocator.join();
  EXPECT_EQ(late, nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
}

TEST(ConstructorAside, B5_other_threads_use_its_cache_meanwhile) {
  reports caught;
  gate go_on;
  made_cache made([&] { go_on.pass(); });
  std::thread allocator([&] { kmem_cache_free(made.cache, kmem_cache_alloc(made.cache, 0)); });
  ASSERT_TRUE(in_constructor());
  void* mine = kmem_cache_alloc(made.cache, 0);
  ASSERT_NE(mine, nullptr);
  EXPECT_EQ(*static_cast<unsigned char*>(mine), made_byte);
  kmem_cache_free(made.cache, mine);
  (void)kmem_cache_shrink(made.cache);
  go_on.open();
  allocator.join();
  expect_whole_and_end(made.cache);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(ConstructorAside, B5_a_destroy_that_waits_waits_for_its_constructors) {
  reports caught;
  gate go_on;
  made_cache made([&] { go_on.pass(); });
  std::thread allocator([&] { EXPECT_EQ(kmem_cache_alloc(made.cache, 0), nullptr); });
  ASSERT_TRUE(in_constructor());
  std::atomic<int> result{1};
  std::thread destroyer([&] { result = kmem_cache_destroy_wait(made.cache); });
  EXPECT_TRUE(eventually([&] { return stats_of(made.cache).stage == GS_STAGE_DRAINING; }));
  EXPECT_EQ(result.load(), 1);
  go_on.open();
  allocator.join();
  destroyer.join();
  EXPECT_EQ(result.load(), 0);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), caught.total()) << caught.everything();
}

TEST(ConstructorAside, B5_one_that_waits_for_its_own_cache_is_told) {
  reports caught;
  kmem_cache* s = nullptr;
  int barrier = 0;
  made_cache made([&] {
    barrier = gs_cache_barrier(s);
    kfree_rcu_barrier();
    synchronize_rcu();  // waits for readers alone
  });
  s = made.cache;
  void* object = kmem_cache_alloc(s, 0);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(barrier, -EDEADLK);
  EXPECT_EQ(caught.count(GS_REPORT_WAIT_IN_CONSTRUCTOR), 2u) << caught.everything();
  EXPECT_EQ(caught.total(), 2u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "'made-aside'");
  kmem_cache_free(s, object);
  expect_whole_and_end(s);
}

TEST(ConstructorAside, B5_one_that_destroys_its_own_cache_is_told) {
  reports caught;
  kmem_cache* s = nullptr;
  kmem_cache_cookie_t cookie = 0;
  int all = 0, one = 0;
  made_cache made([&] {
    EXPECT_EQ(gs_cache_destroy_by(s, GS_POLICY_WAIT, &cookie), -EBUSY);
    all = kmem_cache_destroy_barrier();
    one = kmem_cache_destroy_barrier_one(cookie);
  });
  s = made.cache;
  EXPECT_EQ(kmem_cache_alloc(s, 0), nullptr);
  EXPECT_EQ(all, -EDEADLK);
  EXPECT_EQ(one, -EDEADLK);
  EXPECT_EQ(caught.count(GS_REPORT_WAIT_IN_CONSTRUCTOR), 3u) << caught.everything();
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
  EXPECT_EQ(caught.total(), 4u) << caught.everything();
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
}

// A constructor may make objects of other caches with constructors, and wait for those.
TEST(ConstructorAside, B5_constructors_nest) {
  reports caught;
  kmem_cache* inner = kmem_cache_create("inner", object_bytes, 0, 0,
                                        [](void* p) { *static_cast<unsigned char*>(p) = 1; });
  made_cache made([&] {
    void* object = kmem_cache_alloc(inner, 0);
    gs_retire(object);
    EXPECT_EQ(gs_cache_barrier(inner), 0);
    EXPECT_EQ(kmem_cache_destroy_wait(inner), 0);
  });
  kmem_cache_free(made.cache, kmem_cache_alloc(made.cache, 0));
  expect_whole_and_end(made.cache);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

void end_by_exit() { pthread_exit(nullptr); }
void end_by_cancel() {
  pthread_cancel(pthread_self());
  pthread_testcancel();
}

// The thread that is in a constructor ends: what was constructed is free, the rest is constructed
// again when somebody needs it, and nothing is found in its hands.
TEST(ConstructorAside, B5_a_thread_may_end_in_one) {
  for (void (*end)() : {end_by_exit, end_by_cancel}) {
    // The sanitizer does not see that the frames of a cancelled thread go, and takes what comes to
    // stand there for an overflow.
    if (with_asan && end == end_by_cancel) continue;
    reports caught;
    made_cache made([end] { end(); });
    auto allocate = [](void* s) -> void* {
      return kmem_cache_alloc(static_cast<kmem_cache*>(s), 0);
    };
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, nullptr, allocate, made.cache), 0);
    ASSERT_EQ(pthread_join(thread, nullptr), 0);
    EXPECT_EQ(constructed.load(), 0);
    EXPECT_EQ(gs_cache_barrier(made.cache), 0);
    expect_whole_and_end(made.cache);
    EXPECT_EQ(caught.total(), 0u) << caught.everything();
  }
}

TEST(ConstructorAside, B5_an_exception_passes_through) {
  reports caught;
  made_cache made([] { throw 5; });
  int thrown = 0;
  try {
    (void)kmem_cache_alloc(made.cache, 0);
  } catch (int what) {
    thrown = what;
  }
  EXPECT_EQ(thrown, 5);
  EXPECT_EQ(gs_cache_barrier(made.cache), 0);  // nobody is in a constructor any more
  expect_whole_and_end(made.cache);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(ConstructorAside, B5_a_cache_that_was_destroyed_meanwhile_ends_after_the_exception) {
  reports caught;
  kmem_cache* s = nullptr;
  kmem_cache_cookie_t cookie = 0;
  made_cache made([&] {
    cookie = kmem_cache_destroy_rcu(s);
    throw 6;
  });
  s = made.cache;
  EXPECT_THROW((void)kmem_cache_alloc(s, 0), int);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// 0, or where the child went wrong.
int use_in_child(kmem_cache* s) {
  std::vector<unsigned char*> all(200);
  for (auto& p : all) {
    p = static_cast<unsigned char*>(kmem_cache_alloc(s, 0));
    if (p == nullptr || *p != made_byte) return 1;
  }
  for (auto* p : all) kmem_cache_free(s, p);
  gs_cache_stats now;
  if (gs_cache_read_stats(s, &now) != 0 || now.live != 0) return 2;
  return kmem_cache_destroy_wait(s) == 0 ? 0 : 3;
}

// The constructor goes on in the parent only; the child constructs its objects anew.
TEST(ConstructorAside, B5_a_fork_waits_for_no_constructor) {
  gate go_on;
  made_cache made([&] { go_on.pass(); });
  std::thread allocator([&] { kmem_cache_free(made.cache, kmem_cache_alloc(made.cache, 0)); });
  ASSERT_TRUE(in_constructor());
  const pid_t child = fork();
  if (child == 0) _exit(use_in_child(made.cache));
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  go_on.open();
  allocator.join();
  expect_whole_and_end(made.cache);
}

// The child is inside the constructor as well, and nobody's count there holds it up.
TEST(ConstructorAside, B5_I8_one_may_fork) {
  kmem_cache* other = kmem_cache_create("beside", object_bytes, 0, 0, construct);
  pid_t child = -1;
  made_cache made([&] {
    child = fork();
    if (child != 0) return;
    gs_retire(kmem_cache_alloc(other, 0));
    if (gs_cache_barrier(other) != 0) _exit(4);
    _exit(use_in_child(other));
  });
  kmem_cache_free(made.cache, kmem_cache_alloc(made.cache, 0));
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
  expect_whole_and_end(made.cache);
}

}  // namespace
