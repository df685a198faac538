// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// exit() and fork(), also in a signal handler that interrupted the library at a known place.
// Contract G6, I8, section 7 (process exit). Page: docs/ordering/exit.md
//
// Each process under test is one of its own: a death test that starts this program anew.
#include "os/exit.hpp"

#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <graceslab/cache.hpp>
#include <graceslab/teardown.hpp>
#include <string>
#include <thread>

#include "os/word_lock.hpp"
#include "rcu/domain.hpp"
#include "rcu/owner.hpp"
#include "rcu/run.hpp"
#include "rcu/watch.hpp"
#include "rcu/worker.hpp"
#include "slab/depots.hpp"
#include "slab/heap.hpp"
#include "slab/locals.hpp"
#include "slab/meta.hpp"
#include "slab/transit.hpp"
#include "sync/registry.hpp"
#include "teardown/teardown.hpp"

namespace {

using namespace graceslab;

constexpr int chosen = 7;  // the status that exit() is called with

struct node {
  ~node() { value = 0; }
  long value = 1;
};

// Of static lifetime, with something in flight.
cache<node>& pool() {
  static cache<node> one("pool");
  return one;
}
slab::cache& record() { return *slab::cache_from_handle(pool().native_handle()); }

void fill_pool() {
  for (int i = 0; i < 200; ++i) pool().retire(pool().make());
}

// ---- where the handler comes ----

void (*in_handler)();

// ThreadSanitizer finds fault with whatever the program's own static objects do in a handler: there
// the handler is a plain call, which to the library is the same.
#if defined(__SANITIZE_THREAD__)
void interrupted() { in_handler(); }
#else
void interrupted() {
  struct sigaction action = {};
  action.sa_handler = [](int) { in_handler(); };
  sigaction(SIGUSR1, &action, nullptr);
  raise(SIGUSR1);
}
#endif

void inside_lock(sync::mutex& m) {
  sync::lock_guard hold(m);
  interrupted();
}

struct place {
  const char* name;
  void (*stop)();  // interrupted() in the middle of something
};
void PrintTo(const place& p, std::ostream* out) { *out << p.name; }

constexpr place places[] = {
    {"cache_lock", [] { inside_lock(record().lock); }},
    {"slabs_lock", [] { inside_lock(record().slabs_lock); }},
    {"seize_lock", [] { inside_lock(record().seize_lock); }},
    {"locals_lock", [] { inside_lock(record().locals_lock); }},
    {"depot_lock", [] { inside_lock(slab::depot_here(record()).lock); }},
    {"lingering_lock", [] { inside_lock(teardown::lingering_lock); }},
    {"registry_lock", [] { inside_lock(sync::registry_lock); }},
    {"runners_lock", [] { inside_lock(rcu::runners_lock); }},
    {"shard_lock", [] { inside_lock(rcu::default_domain()->shards[0].lock); }},
    {"grace_period_lock", [] { inside_lock(rcu::default_domain()->gp_lock); }},
    {"owners_lock",
     [] {
       rcu::lock_owners();
       interrupted();
       rcu::unlock_owners();
     }},
    {"workers_lock",
     [] {
       rcu::lock_workers();
       interrupted();
       rcu::unlock_workers();
     }},
    {"watches_lock",
     [] {
       rcu::lock_watches();
       interrupted();
       rcu::unlock_watches();
     }},
    {"heap_lock",
     [] {
       slab::heap_lock_for_fork();
       interrupted();
       slab::heap_unlock_after_fork(false);
     }},
    {"meta_lock",
     [] {
       slab::meta_lock_for_fork();
       interrupted();
       slab::meta_unlock_after_fork(false);
     }},
    {"system_layer",
     [] {
       static os::word_lock lock;
       os::word_guard hold(lock);
       interrupted();
     }},
    {"hands",
     [] {
       slab::transit in_hand(record());
       interrupted();
     }},
    {"hands_while_closing",
     [] {
       slab::cache& c = *slab::cache_from_handle(kmem_cache_create("closing", 64, 0, 0, nullptr));
       slab::transit in_hand(c);
       gs_store_release(&c.stage, std::uint32_t{GS_STAGE_CLOSING});
       interrupted();
       gs_store_release(&c.stage, std::uint32_t{GS_STAGE_OPEN});
     }},
    {"pop",
     [] {
       gs_local* l = slab::local_of(record());
       (void)gs_local_enter(l);
       interrupted();
       gs_local_leave(l);
     }},
};

class ExitAt : public testing::TestWithParam<place> {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};
INSTANTIATE_TEST_SUITE_P(Interrupted, ExitAt, testing::ValuesIn(places),
                         [](const auto& at) { return std::string(at.param.name); });

[[noreturn]] void exit_at(const place& p, const char* policy, int (*before)() = nullptr) {
  gs_config_set("GRACESLAB_EXIT", policy);
  gs_config_set("GRACESLAB_EXIT_MS", "50");
  (void)pool();
  if (before != nullptr) before();
  fill_pool();
  in_handler = [] { std::exit(chosen); };
  p.stop();
  _exit(1);
}

const char* const said =
    "exit-undrained: exit\\(\\) came out of a signal handler that interrupted the library";

TEST_P(ExitAt, G6_I8_ExitThereIsOverAndSaysWhatIsLeft) {
  for (const char* policy : {"drain", "strict"})
    EXPECT_EXIT(exit_at(GetParam(), policy), testing::ExitedWithCode(chosen), said) << policy;
}

TEST_P(ExitAt, G6_I8_ExitThereIsOverAndSilentWhenNothingIsToBeDrained) {
  EXPECT_EXIT(exit_at(GetParam(), "leave"), testing::ExitedWithCode(chosen), "^$");
}

// What a program does by itself at exit may need what the interrupted frame holds.
int use_everything_at_exit() {
  return std::atexit([] {
    static rcu_head head;
    fill_pool();
    gs_call_rcu(
        nullptr, &head, [](rcu_head*) {}, gs_this_module());
    kmem_cache* fresh = kmem_cache_create("at exit", 64, 0, 0, nullptr);
    gs_cache_free(fresh, gs_cache_alloc(fresh, 0));
    (void)pool().shrink();
    kmem_cache_destroy(fresh);
    ::rcu_barrier();
    ::kfree_rcu_barrier();
  });
}

TEST_P(ExitAt, G6_I8_ExitThereIsOverWhateverElseIsCalledOnTheWay) {
  for (const char* policy : {"drain", "strict", "leave"})
    EXPECT_EXIT(exit_at(GetParam(), policy, use_everything_at_exit),
                testing::ExitedWithCode(chosen), "")
        << policy;
}

// The callback waits for the interrupted frame, and a barrier at exit for the callback, in naps.
TEST(ExitBehind, G6_I8_ACallbackThatNeedsTheInterruptedFrameDoesNotKeepTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  static std::atomic<bool> runs{false}, held{false};
  constexpr place behind = {"behind", [] {
                              static rcu_head head;
                              gs_call_rcu(
                                  nullptr, &head,
                                  [](rcu_head*) {
                                    runs = true;
                                    while (!held) std::this_thread::yield();
                                    sync::lock_guard never(sync::registry_lock);
                                  },
                                  gs_this_module());
                              while (!runs) std::this_thread::yield();
                              sync::lock_guard hold(sync::registry_lock);
                              held = true;
                              interrupted();
                            }};
  const auto waits_at_exit = [] { return std::atexit([] { ::rcu_barrier(); }); };
  for (const char* policy : {"drain", "strict", "leave"})
    EXPECT_EXIT(exit_at(behind, policy, waits_at_exit), testing::ExitedWithCode(chosen),
                "that nobody gives up: exit\\(\\) was called in a signal handler")
        << policy;
}

// ---- fork ----

int child_status(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0) continue;
  return status;
}

[[noreturn]] void fork_at(const place& p) {
  static int status;
  fill_pool();
  in_handler = [] {
    const pid_t child = fork();
    if (child == 0) {
      execl("/bin/true", "true", static_cast<char*>(nullptr));
      _exit(127);
    }
    status = child_status(child);
  };
  p.stop();
  if (status != 0) _exit(1);
  fill_pool();  // the interrupted thread goes on
  _exit(pool().barrier() == errc::ok ? 0 : 2);
}

TEST_P(ExitAt, G6_I8_ForkThereReturnsAndItsChildMayExec) {
  EXPECT_EXIT(fork_at(GetParam()), testing::ExitedWithCode(0),
              "stall: thread .* forks in a signal handler that interrupted the library");
}

[[noreturn]] void exit_in_child_of(const place& p) {
  static int status;
  gs_config_set("GRACESLAB_EXIT_MS", "50");
  fill_pool();
  in_handler = [] {
    const pid_t child = fork();
    if (child == 0) std::exit(chosen);
    status = child_status(child);
  };
  p.stop();
  _exit(WIFEXITED(status) && WEXITSTATUS(status) == chosen ? 0 : 1);
}

// The process of the death test starts anew, without threads of the library from the first moment:
// one that comes or goes may hold locks of a sanitizer, which the child would inherit.
TEST_P(ExitAt, G6_I8_AChildForkedThereMayExit) {
  setenv("GRACESLAB_BACKGROUND", "0", 1);
  EXPECT_EXIT(exit_in_child_of(GetParam()), testing::ExitedWithCode(0), said);
  unsetenv("GRACESLAB_BACKGROUND");
}

// Closing takes several steps, and waits for others between them: with nothing in hand, and no
// lock.
TEST(Midway, G6_I8_ADestroyIsHalfWayUntilItsCacheLingers) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer defers the handler until after the destroy";
#endif
  static std::atomic<int> seen;  // 0: nothing yet, 1: not midway, 2: midway
  struct sigaction look = {}, before = {};
  look.sa_handler = [](int) { seen = os::is_midway() ? 2 : 1; };
  ASSERT_EQ(sigaction(SIGUSR2, &look, &before), 0);
  kmem_cache* s = kmem_cache_create("half way", 64, 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  std::atomic<bool> there{false};
  const pthread_t closer = pthread_self();
  std::thread holder([&] {
    slab::transit in_hand(c);
    there = true;
    while (slab::stage_of(c) == GS_STAGE_OPEN) usleep(100);
    usleep(10'000);  // it is on its way to the wait for us, which lasts until it was looked at
    pthread_kill(closer, SIGUSR2);
    while (seen == 0) usleep(100);
  });
  while (!there) usleep(100);
  EXPECT_FALSE(os::is_midway());
  kmem_cache_destroy(s);
  holder.join();
  EXPECT_EQ(seen, 2);
  EXPECT_FALSE(os::is_midway());
  EXPECT_EQ(sigaction(SIGUSR2, &before, nullptr), 0);
}

class ExitEnds : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Runs something on a thread that never comes back, and returns once it is there.
template <class Enter>
void let_sit(Enter enter) {
  static std::atomic<bool> there;
  there = false;
  std::thread([enter] {
    enter();
    there = true;
    for (;;) pause();
  }).detach();
  while (!there) std::this_thread::yield();
}

// Another thread's lock is held for ever in that child.
[[noreturn]] void go_on_in_child() {
  static int status;
  gs_config_set("GRACESLAB_EXIT_MS", "50");
  fill_pool();
  let_sit([] { record().slabs_lock.lock(); });
  in_handler = [] {
    const pid_t child = fork();
    if (child == 0) return;
    status = child_status(child);
  };
  const pid_t parent = getpid();
  inside_lock(record().lock);
  if (getpid() != parent) {
    record().slabs_lock.lock();
    _exit(0);
  }
  _exit(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE ? 0 : 1);
}

TEST_F(ExitEnds, G6_AChildThatGoesOnEndsAtALockThatNobodyDrops) {
  setenv("GRACESLAB_BACKGROUND", "0", 1);  // a thread that needs the lock would keep others of ours
  EXPECT_EXIT(go_on_in_child(), testing::ExitedWithCode(0),
              "waits for a lock of rank 50 .* it was forked in a signal handler");
  unsetenv("GRACESLAB_BACKGROUND");
}

// ---- one deadline ----

void short_deadline() { gs_config_set("GRACESLAB_EXIT_MS", "50"); }
void endless_deadline() { gs_config_set("GRACESLAB_EXIT_MS", "100000000"); }

// Runs after the destructor of the pool, before the drain.
void lengthen_the_deadline_afterwards() { std::atexit(endless_deadline); }

[[noreturn]] void exit_with_held_pool() {
  lengthen_the_deadline_afterwards();
  short_deadline();
  let_sit([] { rcu_default_domain().lock(); });
  fill_pool();
  std::exit(chosen);
}

TEST_F(ExitEnds, I8_TheDrainAndStaticCachesShareOneDeadline) {
  EXPECT_EXIT(exit_with_held_pool(), testing::ExitedWithCode(chosen),
              "exit-undrained: .*200 retired objects in flight; held back by");
}

struct slow {
  ~slow() {
    for (;;) pause();
  }
  long value = 1;
};

[[noreturn]] void exit_with_stuck_destructor() {
  short_deadline();
  static cache<slow> stuck("stuck");
  stuck.retire(stuck.make());
  std::exit(chosen);
}

TEST_F(ExitEnds, I8_B7_ADestructorThatBlocksDoesNotKeepTheProcess) {
  EXPECT_EXIT(exit_with_stuck_destructor(), testing::ExitedWithCode(chosen), "exit-undrained");
}

[[noreturn]] void exit_with_stuck_constructor() {
  short_deadline();
  gs_cache_options options = {};
  options.name = "unborn";
  options.size = 64;
  options.ctor = [](void*) { let_sit([] {}), pause(); };
  static kmem_cache* unborn = gs_cache_create(&options);
  static std::atomic<bool> there;
  options.ctor = nullptr;
  std::thread([] { (void)gs_cache_alloc(unborn, 0); }).detach();
  while (!there) {
    gs_cache_stats s = {};
    gs_cache_read_stats(unborn, &s);
    there = s.slabs != 0;
  }
  std::atexit([] { (void)gs_cache_destroy_by(unborn, GS_POLICY_WAIT_IF_POSSIBLE, nullptr); });
  std::exit(chosen);
}

TEST_F(ExitEnds, I8_B5_AConstructorThatBlocksDoesNotKeepTheProcess) {
  EXPECT_EXIT(exit_with_stuck_constructor(), testing::ExitedWithCode(chosen), "");
}

[[noreturn]] void exit_with_token() {
  short_deadline();
  static gs_owner* token = gs_owner_create("token");
  static rcu_head head;
  let_sit([] { rcu_default_domain().lock(); });
  gs_call_rcu(
      nullptr, &head, [](rcu_head*) {}, token);
  std::atexit([] { (void)gs_owner_settle(token); });
  std::exit(chosen);
}

TEST_F(ExitEnds, I8_I4_SettlingATokenAtExitKeepsTheDeadline) {
  EXPECT_EXIT(exit_with_token(), testing::ExitedWithCode(chosen),
              "exit-undrained: 1 callbacks of token could not be waited for");
}

// A thread that is stopped for good in the middle of something, such as one whose handler blocks.
[[noreturn]] void exit_beside(void (*hold)()) {
  short_deadline();
  fill_pool();
  let_sit(hold);
  pool().retire(pool().make());  // what is in the pool already may have come home
  std::exit(chosen);
}

TEST_F(ExitEnds, G6_I8_ALockThatNobodyDropsDoesNotKeepTheProcess) {
  EXPECT_EXIT(exit_beside([] { rcu::default_domain()->gp_lock.lock(); }),
              testing::ExitedWithCode(chosen), "waits for a lock of rank 55 that nobody gives up");
}

TEST_F(ExitEnds, G6_I8_HandsThatNobodyEmptiesDoNotKeepTheProcess) {
  EXPECT_EXIT(exit_beside([] { new slab::transit(record()); }), testing::ExitedWithCode(chosen),
              "waits for objects in somebody's hands that nobody gives up");
}

// The background thread may wait for the owner already, and we for it.
TEST_F(ExitEnds, G6_I8_AnArrayThatNobodyLeavesDoesNotKeepTheProcess) {
  EXPECT_EXIT(exit_beside([] {
                pool().retire(pool().make());
                (void)gs_local_enter(slab::local_of(record()));
              }),
              testing::ExitedWithCode(chosen),
              "waits for (the owner of an array|a lock of rank 24) that nobody");
}

// The machine, not a holder, may have taken the time: what is held for a moment is waited for.
TEST_F(ExitEnds, I8_ALockThatIsDroppedAfterTheDeadlineIsWaitedFor) {
  auto body = [] {
    gs_config_set("GRACESLAB_EXIT", "leave");  // no report of what is left
    gs_config_set("GRACESLAB_EXIT_MS", "1");
    fill_pool();
    std::atexit([] {
      (void)os::exit_deadline_ns();
      std::atomic<bool> held{false};
      std::thread holder([&] {
        sync::lock_guard hold(record().lock);
        held = true;
        usleep(20'000);
      });
      while (!held) std::this_thread::yield();
      { sync::lock_guard waited(record().lock); }
      holder.join();
    });
    std::exit(chosen);
  };
  EXPECT_EXIT(body(), testing::ExitedWithCode(chosen), "^$");
}

}  // namespace
