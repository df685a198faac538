// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How many arrays callbacks take while a reader holds them back.
#include "observed.hpp"
#include "rcu/domain.hpp"

namespace {

using namespace observed;
namespace rcu = graceslab::rcu;

unsigned arrays(gs_domain* d) {
  unsigned n = 0;
  for (rcu::shard& s : d->shards) {
    graceslab::sync::lock_guard guard(s.lock);
    for (const rcu::batch* b = s.first; b; b = b->next) n += !b->linked;
  }
  return n;
}

// Those that are full, one for each of the two grace periods that the callbacks may wait for, and
// one that is being filled.
constexpr int posts = 10 * rcu::batch_capacity;
constexpr unsigned enough = 10 + 3;

template <class Post>
void expect_few_arrays(Post post) {
  std::atomic<int> n{0};
  auto all = many(posts, &n);
  {
    held_reader reader;
    for (int i = 0; i != posts; ++i) post(&all[static_cast<std::size_t>(i)].head, i);
    EXPECT_LE(arrays(rcu::default_domain()), enough);
  }
  rcu_barrier();
  EXPECT_EQ(n, posts);
}

TEST(Queue, R6_callbacks_in_a_hurry_share_their_arrays) {
  expect_few_arrays([](rcu_head* head, int) { call_rcu_hurry(head, count_one); });
}

TEST(Queue, R6_callbacks_in_a_hurry_share_arrays_with_others) {
  expect_few_arrays([](rcu_head* head, int i) {
    i % 2 ? call_rcu_hurry(head, count_one) : call_rcu(head, count_one);
  });
}

// A barrier closes what it waits for: it would wait for what joins later.
TEST(Queue, R6_nothing_joins_what_is_closed) {
  std::atomic<int> n{0};
  auto all = many(4, &n);
  gs_domain* d = rcu::default_domain();
  {
    held_reader reader;
    const std::uint64_t before = rcu::newest(d);
    call_rcu_hurry(&all[0].head, count_one);
    // Once this one's grace period has begun, all others wait for the next.
    EXPECT_TRUE(within(60'000, [&] { return rcu::newest(d) > before; }));
    call_rcu_hurry(&all[1].head, count_one);
    call_rcu_hurry(&all[2].head, count_one);
    EXPECT_EQ(arrays(d), 2u);
    for (rcu::shard& s : d->shards) {
      graceslab::sync::lock_guard guard(s.lock);
      rcu::close(d, s);
    }
    call_rcu_hurry(&all[3].head, count_one);
    EXPECT_EQ(arrays(d), 3u);
  }
  rcu_barrier();
  EXPECT_EQ(n, 4);
}

}  // namespace
