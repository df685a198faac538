// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I2, C5: arrays are taken over from owners that never stop using them; nothing is lost or doubled.
// Ordering: docs/ordering/takeover.md
#include <graceslab/kernel/slab.h>

#include <random>
#include <thread>
#include <vector>

#include "equations.hpp"
#include "slab/sheaves.hpp"

namespace {

using namespace graceslab;

struct tagged {
  std::uint64_t owner, serial;
};

// Each object carries who holds it: two holders of one would overwrite each other.
void own(kmem_cache* s, std::uint64_t me, std::uint32_t* stop) {
  std::minstd_rand random(static_cast<unsigned>(me));
  std::vector<tagged*> mine;
  for (std::uint64_t serial = 0; gs_load_acquire(stop) == 0; ++serial) {
    if (mine.size() < 100 && random() % 2 == 0) {
      auto* t = static_cast<tagged*>(kmem_cache_alloc(s, 0));
      ASSERT_NE(t, nullptr);
      *t = {me, serial};
      mine.push_back(t);
    } else if (!mine.empty()) {
      std::size_t which = random() % mine.size();
      tagged* t = mine[which];
      mine[which] = mine.back();
      mine.pop_back();
      ASSERT_EQ(t->owner, me);
      serial % 2 == 0 ? kmem_cache_free(s, t) : gs_retire(t);
    }
  }
  for (auto* t : mine) kmem_cache_free(s, t);
}

void check_counts(kmem_cache* s) {
  gs_cache_stats now;
  ASSERT_EQ(gs_cache_read_stats(s, &now), 0);
  ASSERT_LE(now.reclaimed, now.retired);
  ASSERT_GE(now.carved, now.parked + now.free_in_slabs);
}

TEST(Takeover, I2_owners_and_seizers_lose_nothing) {
  kmem_cache* s = kmem_cache_create("seized", sizeof(tagged), 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  std::uint32_t stop = 0;
  std::vector<std::thread> owners;
  for (std::uint64_t i = 1; i <= 3; ++i) owners.emplace_back(own, s, i, &stop);
  for (int round = 0; round != 400; ++round) {
    switch (round % 4) {
      case 0:
        kmem_cache_shrink(s);
        break;
      case 1:
        kmem_cache_free_barrier(s);
        break;
      case 2:
        check_counts(s);
        break;
      default: {
        slab::transit in_hand(c);
        slab::spoils taken;
        EXPECT_TRUE(slab::seize(c, slab::seize_what::everything, slab::seize_then::reopen, &taken));
        slab::settle_spoils(c, taken);
      }
    }
  }
  gs_store_release(&stop, 1u);
  for (auto& t : owners) t.join();
  ASSERT_NO_FATAL_FAILURE(equations::check_cache(c));
  gs_cache_stats end;
  ASSERT_EQ(gs_cache_read_stats(s, &end), 0);
  EXPECT_EQ(end.live, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Takeover, I2_two_seizers_at_once) {
  kmem_cache* s = kmem_cache_create("seized twice", sizeof(tagged), 0, 0, nullptr);
  std::uint32_t stop = 0;
  std::vector<std::thread> owners, seizers;
  for (std::uint64_t i = 1; i <= 2; ++i) owners.emplace_back(own, s, i, &stop);
  for (int i = 0; i != 2; ++i)
    seizers.emplace_back([&] {
      for (int round = 0; round != 200; ++round)
        round % 2 == 0 ? (void)kmem_cache_shrink(s) : check_counts(s);
    });
  for (auto& t : seizers) t.join();
  gs_store_release(&stop, 1u);
  for (auto& t : owners) t.join();
  ASSERT_NO_FATAL_FAILURE(equations::check_cache(*slab::cache_from_handle(s)));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

constexpr std::uint64_t held_by_each = 100;

// Full arrays leave and come all the time, and as many objects are held all the time.
void replace_always(kmem_cache* s, std::uint32_t* ready, std::uint32_t* stop) {
  std::vector<void*> mine(held_by_each);
  for (void*& p : mine) ASSERT_NE(p = kmem_cache_alloc(s, 0), nullptr);
  (void)gs_fetch_add(ready, 1u);
  for (std::size_t i = 0; gs_load_acquire(stop) == 0; i = (i + 1) % mine.size()) {
    void* next = kmem_cache_alloc(s, 0);
    ASSERT_NE(next, nullptr);
    gs_retire(mine[i]);
    mine[i] = next;
  }
  for (void* p : mine) kmem_cache_free(s, p);
}

TEST(Takeover, I2_no_object_is_counted_twice) {
  kmem_cache* s = kmem_cache_create("counted", sizeof(tagged), 0, 0, nullptr);
  std::uint32_t ready = 0, stop = 0;
  std::vector<std::thread> owners;
  for (int i = 0; i != 3; ++i) owners.emplace_back([&] { replace_always(s, &ready, &stop); });
  while (gs_load_acquire(&ready) != owners.size()) std::this_thread::yield();
  for (int i = 0; i != 300; ++i) {
    gs_cache_stats now;
    ASSERT_EQ(gs_cache_read_stats(s, &now), 0);
    ASSERT_GE(now.live, owners.size() * held_by_each);
  }
  gs_store_release(&stop, 1u);
  for (auto& t : owners) t.join();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// What is seized stands in the spoils, and the owner starts afresh.
TEST(Takeover, I2_retired_alone_leaves_the_rest) {
  kmem_cache* s = kmem_cache_create("parts", sizeof(tagged), 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  void* p = kmem_cache_alloc(s, 0);
  rcu_read_lock();
  gs_retire(p);
  EXPECT_TRUE(slab::retired_in_arrays(c));
  {
    slab::transit in_hand(c);
    slab::spoils taken;
    ASSERT_TRUE(slab::seize(c, slab::seize_what::retired, slab::seize_then::reopen, &taken));
    EXPECT_EQ(taken.objects.count, 0u);
    EXPECT_EQ(taken.retired.count, 1u);
    slab::settle_spoils(c, taken);
  }
  EXPECT_FALSE(slab::retired_in_arrays(c));
  rcu_read_unlock();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// A thread keeps its record when the cache ends, and looks at it again when another cache has got
// the id: the record must not find objects by the layout of the cache that is gone.
TEST(Takeover, C6_a_record_forgets_the_layout_of_a_cache_that_is_gone) {
  kmem_cache* s = kmem_cache_create("gone", 8, 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  kmem_cache_free(s, kmem_cache_alloc(s, 0));
  const gs_local* record = slab::local_of(c);
  ASSERT_NE(record->inverse, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(slab::local_of(c), record);
  EXPECT_NE(record->closed, 0u);
  EXPECT_EQ(record->inverse, 0u);
}

}  // namespace
