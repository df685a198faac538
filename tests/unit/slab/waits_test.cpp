// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B6: whoever waits for a step of another thread sleeps, so that this thread gets the core whatever
// its priority. Ordering: docs/ordering/takeover.md (claims 4, 5), teardown.md (claim 8).
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <future>
#include <vector>

#include "asleep.hpp"
#include "os/hooks.hpp"
#include "slab/locals.hpp"
#include "slab/transit.hpp"

namespace {

using namespace graceslab;

class Waits : public testing::Test {
 protected:
  void SetUp() override {
    gs_config_set("GRACESLAB_BACKGROUND", "0");  // which waits, too
    ASSERT_NE(s, nullptr);
    warm_up();
  }
  void TearDown() override {
    EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
    gs_config_set("GRACESLAB_BACKGROUND", "1");
  }
  void warm_up() { kmem_cache_free(s, kmem_cache_alloc(s, GFP_KERNEL)); }
  slab::cache& c() { return *slab::cache_from_handle(s); }

  kmem_cache* s = kmem_cache_create("waited for", 64, 0, 0, nullptr);
};

// The arrays of a thread are closed while it allocates, frees and retires: it goes on without them,
// for whoever holds them closed may have the lower priority. Its end waits for him.
template <class Use>
void use_while_seized(slab::cache& c, Use use) {
  constexpr std::chrono::seconds patience{60};  // only a test that fails waits for so long
  std::promise<void> warm, closed, used;
  std::thread owner([&] {
    use();
    warm.set_value();
    closed.get_future().wait();
    use();
    used.set_value();
  });
  warm.get_future().wait();
  slab::seizure taken;
  slab::spoils spoils;
  taken.begin(c, slab::seize_what::everything);
  closed.set_value();
  EXPECT_EQ(used.get_future().wait_for(patience), std::future_status::ready);
  taken.end(slab::seizure::fence(true), slab::seize_then::reopen, &spoils);
  owner.join();
  slab::transit in_hand(c);
  slab::settle_spoils(c, spoils);
}

TEST_F(Waits, B6_an_allocation_goes_on_while_its_arrays_are_seized) {
  void* object = nullptr;
  use_while_seized(c(), [&] {
    if (object != nullptr) kmem_cache_free(s, object);
    object = kmem_cache_alloc(s, GFP_KERNEL);
  });
  kmem_cache_free(s, object);
}

TEST_F(Waits, B6_a_retire_goes_on_while_its_arrays_are_seized) {
  std::vector<void*> objects;
  for (int i = 0; i != 2; ++i) objects.push_back(kmem_cache_alloc(s, GFP_KERNEL));
  use_while_seized(c(), [&] {
    gs_retire(objects.back());
    objects.pop_back();
  });
}

TEST_F(Waits, B6_who_seizes_sleeps_while_an_owner_stands_inside) {
  gs_local& mine = *slab::local_of(c());
  ASSERT_NE(gs_local_enter(&mine), 0);
  {
    waiter seizer([&] { kmem_cache_shrink(s); });
    EXPECT_TRUE(seizer.sleeps());
    gs_local_leave(&mine);
  }
  gs_cache_stats counts;
  ASSERT_NE(gs_local_enter(&mine), 0);
  {
    waiter counter([&] { (void)gs_cache_read_stats(s, &counts); });
    EXPECT_TRUE(counter.sleeps());
    gs_local_leave(&mine);
  }
}

// What is waited for here is that nobody has objects in hand.
template <class Wait>
void wait_for_hands(slab::cache& c, Wait wait) {
  alignas(slab::transit) unsigned char room[sizeof(slab::transit)];
  auto* in_hand = ::new (room) slab::transit(c);
  waiter waits(wait);
  EXPECT_TRUE(waits.sleeps());
  EXPECT_FALSE(waits.ended());
  in_hand->~transit();
}

TEST_F(Waits, B6_a_barrier_sleeps_until_hands_are_empty) {
  wait_for_hands(c(), [&] { slab::transit_drain(c()); });
}

TEST_F(Waits, B6_a_destroy_sleeps_until_hands_are_empty) {
  kmem_cache* other = kmem_cache_create("destroyed", 64, 0, 0, nullptr);
  kmem_cache_free(other, kmem_cache_alloc(other, GFP_KERNEL));
  wait_for_hands(*slab::cache_from_handle(other),
                 [&] { EXPECT_EQ(kmem_cache_destroy_wait(other), 0); });
}

#if !defined(__SANITIZE_THREAD__)  // which cannot follow a fork of many threads

enum class fork_stage { passes, stop_here, stands, go_on };
std::atomic<fork_stage> fork_is{fork_stage::passes};
void stand_still() {
  if (fork_is != fork_stage::stop_here) return;
  fork_is = fork_stage::stands;
  while (fork_is != fork_stage::go_on) std::this_thread::yield();
}
// Stands after the halt, before the locks and the copy.
[[gnu::constructor]] void register_fork() { os::on_fork({1, stand_still, nullptr, nullptr}); }

void fork_and_wait() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Waits, B6_a_fork_sleeps_until_hands_are_empty) { wait_for_hands(c(), fork_and_wait); }

TEST_F(Waits, B6_who_takes_objects_in_hand_sleeps_while_another_thread_forks) {
  fork_is = fork_stage::stop_here;
  std::thread forker(fork_and_wait);
  while (fork_is != fork_stage::stands) std::this_thread::yield();
  {
    waiter passer_by([&] { slab::transit in_hand(c()); });
    EXPECT_TRUE(passer_by.sleeps());
    fork_is = fork_stage::go_on;
  }
  forker.join();
  fork_is = fork_stage::passes;
}

#endif

}  // namespace
