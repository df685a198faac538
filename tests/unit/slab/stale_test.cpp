// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B8, C6: what was looked up by a handle may have ended before it is used; and what has a stage is
// looked at where it cannot change. Each step is taken here as the thread takes it that was off its
// core in between.
#include <errno.h>
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include "../../scenario/watched.hpp"
#include "observe/observe.hpp"
#include "slab/construct.hpp"
#include "slab/locals.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"
#include "teardown/teardown.hpp"

namespace {

using namespace graceslab;
using watched::reports;

// A handle that was good when `record` was looked up, and the cache that has the record now.
struct second_life {
  explicit second_life(void (*ctor)(void*) = nullptr) {
    kmem_cache* first = kmem_cache_create("first", 64, 0, 0, ctor);
    record = slab::cache_from_handle(first);
    old_handle = slab::handle_value(first);
    kmem_cache_destroy(first);
    for (;;) {
      innocent = kmem_cache_create("innocent", 128, 0, 0, ctor);
      if (slab::cache_from_handle(innocent) == record) break;
      kmem_cache_destroy(innocent);
    }
  }
  ~second_life() {
    EXPECT_EQ(slab::stage_of(*record), std::uint32_t{GS_STAGE_OPEN});
    EXPECT_EQ(kmem_cache_destroy_wait(innocent), 0);
  }
  slab::cache* record;
  std::uintptr_t old_handle;
  kmem_cache* innocent;
};

TEST(StaleHandle, B8_C6_a_destroy_finds_the_generation_moved) {
  reports caught;
  second_life life;
  const teardown::caller who = {nullptr, 0, life.old_handle};
  teardown::cookie k = 0;
  teardown::destroy(*life.record, GS_POLICY_LINGER, who, &k);
  EXPECT_EQ(k, 0u);
  EXPECT_EQ(teardown::destroy_wait(*life.record, who, false, &k), -EBUSY);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 2u) << caught.everything();
  EXPECT_EQ(caught.total(), 2u) << caught.everything();
}

TEST(StaleHandle, B8_C6_an_allocation_finds_the_generation_moved) {
  for (void (*ctor)(void*) : {static_cast<void (*)(void*)>(nullptr), +[](void*) {}}) {
    reports caught;
    second_life life(ctor);
    void* object = nullptr;
    EXPECT_EQ(slab::alloc_slow(life.old_handle, 0, nullptr), nullptr);
    EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u);
    EXPECT_EQ(caught.total(), 1u) << caught.everything();
    EXPECT_EQ(slab::take_objects(*life.record, life.old_handle, &object, 1), 0u);
    EXPECT_EQ(slab::attach(*life.record, life.old_handle), nullptr);
    EXPECT_EQ(slab::construct(*life.record, life.old_handle), nullptr);
    {
      slab::transit in_hand(*life.record);
      EXPECT_FALSE(slab::still_open_as(*life.record, life.old_handle));
    }
    EXPECT_EQ(watched::stats_of(life.innocent).carved, 0u);
  }
}

TEST(StaleHandle, B8_C6_a_loan_finds_the_generation_moved) {
  second_life life;
  EXPECT_EQ(slab::loan(*life.record, life.old_handle).get(), nullptr);
  EXPECT_EQ(slab::loan(*life.record, slab::handle_value(life.innocent)).get(), life.record);
}

// While it is lent it rests, though its cache has ended and others are made without end.
TEST(StaleHandle, B8_C6_a_record_that_is_lent_is_no_other_cache) {
  kmem_cache* s = kmem_cache_create("lent", 64, 0, 0, nullptr);
  slab::cache* record = slab::cache_from_handle(s);
  {
    slab::loan lent(*record, slab::handle_value(s));
    kmem_cache_destroy(s);
    EXPECT_EQ(slab::stage_of(*record), std::uint32_t{GS_STAGE_GONE});
    EXPECT_EQ(slab::loan(*record, slab::handle_value(s)).get(), nullptr);
    for (int i = 0; i != 1000; ++i) {
      kmem_cache* other = kmem_cache_create("other", 64, 0, 0, nullptr);
      ASSERT_NE(slab::cache_from_handle(other), record);
      kmem_cache_destroy(other);
    }
  }
  EXPECT_STREQ(record->name, "lent");
}

TEST(StaleHandle, B8_C6_statistics_find_the_generation_moved) {
  second_life life;
  gs_cache_stats now;
  observe::cache_stats(*life.record, &now, life.old_handle);
  EXPECT_EQ(now.stage, GS_STAGE_GONE);
  EXPECT_EQ(now.id, 0u);
}

// The direct path of an allocation that found the cache open, after destroy came and counted.
TEST(StaleHandle, C6_nothing_leaves_the_slabs_of_a_closed_cache) {
  for (void (*ctor)(void*) : {static_cast<void (*)(void*)>(nullptr), +[](void*) {}}) {
    kmem_cache* s = kmem_cache_create("closed", 64, 0, SLAB_DESTROY_ONCE_FULLY_FREED, ctor);
    void* last = kmem_cache_alloc(s, 0);
    slab::cache& c = *slab::cache_from_handle(s);
    kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
    ASSERT_EQ(slab::stage_of(c), std::uint32_t{GS_STAGE_DRAINING});
    void* object = nullptr;
    EXPECT_EQ(slab::take_objects(c, slab::handle_value(s), &object, 1), 0u);
    EXPECT_EQ(slab::construct(c, slab::handle_value(s)), nullptr);
    kmem_cache_free(s, last);
    EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  }
}

}  // namespace
