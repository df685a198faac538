// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B6: nobody who posts a callback waits for a system call of whoever runs them.
#include <malloc.h>

#include "../slab/held_up.hpp"
#include "observed.hpp"
#include "rcu/queue.hpp"

namespace {

using namespace observed;

// Threads that live at the same time have queues in turn.
void post_to_each_queue(std::vector<counted>& all) {
  std::vector<std::thread> threads;
  std::atomic<std::size_t> registered{0};
  for (auto& c : all)
    threads.emplace_back([&] {
      rcu_read_lock();
      rcu_read_unlock();
      ++registered;
      while (registered != all.size()) std::this_thread::yield();
      call_rcu(&c.head, count_one);
    });
  for (auto& t : threads) t.join();
}

// In a process without workers: its barrier runs the callbacks.
TEST(QueueAgain, DISABLED_an_array_goes_back) {
  mallopt(M_ARENA_MAX, 1);    // the C library unmaps nothing of its own
  constexpr int arrays = 12;  // more than are kept for reuse
  std::atomic<int> n{0};
  auto all = many(arrays * static_cast<int>(graceslab::rcu::batch_capacity), &n);
  auto later = many(2 * static_cast<int>(graceslab::rcu::shard_count()), &n);
  rcu_read_lock();
  for (auto& c : all) call_rcu(&c.head, count_one);
  rcu_read_unlock();
  if (!held_up::beside_held_up(
          SYS_munmap, [] { rcu_barrier(); }, [&] { post_to_each_queue(later); }))
    GTEST_SKIP() << "system calls cannot be held up here";
  rcu_barrier();
  EXPECT_EQ(n, static_cast<int>(all.size() + later.size()));
}

TEST(Queue, B6_no_array_goes_back_to_the_system_under_its_lock) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer asks the system, too, under locks of its own";
#endif
  const outcome o = run_again("QueueAgain.DISABLED_an_array_goes_back",
                              {"GRACESLAB_TEST_NO_POST=1", "GRACESLAB_BACKGROUND=0"});
  EXPECT_EQ(o.status, 0) << o.errors;
}

}  // namespace
