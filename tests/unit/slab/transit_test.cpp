// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Claim 7 of docs/ordering/teardown.md across a fork (contract I8).
#include "slab/transit.hpp"

#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "os/hooks.hpp"
#include "slab/cache.hpp"

namespace {

using namespace graceslab;

// A fork waits for empty hands; then somebody may count himself for the moment that it takes to see
// the halt. Moved here to where it hurts: after the wait, before the process is copied.
std::uint32_t* stepping_back;
void count_oneself() {
  if (stepping_back != nullptr) gs_fetch_add(stepping_back, 1u);
}
void step_back() {
  if (stepping_back != nullptr) gs_fetch_sub(stepping_back, 1u);
}
[[gnu::constructor]] void register_fork() {
  os::on_fork({1000, count_oneself, step_back, nullptr});
}

TEST(Transit, I8_who_steps_back_at_a_fork_does_not_count_in_the_child) {
  kmem_cache* s = kmem_cache_create("stepped back", 64, 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  stepping_back = &c.first_depot.in_transit[0];
  const pid_t forked = fork();
  if (forked == 0) _exit(slab::hands_empty(c) ? 0 : 1);
  stepping_back = nullptr;
  int status = -1;
  EXPECT_EQ(waitpid(forked, &status, 0), forked);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(slab::hands_empty(c));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Those of several caches at once are put back in any order.
TEST(Transit, C5_hands_are_emptied_in_any_order) {
  kmem_cache* s = kmem_cache_create("counted", 64, 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  alignas(slab::transit) unsigned char room[3][sizeof(slab::transit)];
  slab::transit* hands[3];
  for (int i = 0; i != 3; ++i) hands[i] = ::new (room[i]) slab::transit(c);
  for (int i : {1, 0, 2}) {
    EXPECT_FALSE(slab::hands_empty(c));
    hands[i]->~transit();
  }
  EXPECT_TRUE(slab::hands_empty(c));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
