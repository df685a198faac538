// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A1 of active.cpp (contract A4, R10): records that are used again never break the background
// thread's list.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <set>

#include "reclaim/reclaim.hpp"

namespace {

using namespace graceslab;

std::set<slab::cache*> on_the_list() {
  std::set<slab::cache*> found;
  reclaim::for_each_active(
      [](slab::cache& c, void* arg) {
        static_cast<std::set<slab::cache*>*>(arg)->insert(&c);
        return true;
      },
      &found);
  return found;
}

// Without its thread the list changes only by what this test does.
class Active : public testing::Test {
 protected:
  void SetUp() override { gs_config_set("GRACESLAB_BACKGROUND", "0"); }
  void TearDown() override { gs_config_set("GRACESLAB_BACKGROUND", "1"); }
};

TEST_F(Active, A4_a_record_that_is_used_again_keeps_its_neighbours) {
  kmem_cache* before = kmem_cache_create("before", 64, 0, 0, nullptr);
  reclaim::activate(*slab::cache_from_handle(before));
  for (int i = 0; i != 1000; ++i) {
    kmem_cache* s = kmem_cache_create("brief", 64, 0, 0, nullptr);
    reclaim::activate(*slab::cache_from_handle(s));
    kmem_cache_destroy(s);
  }
  kmem_cache* after = kmem_cache_create("after", 64, 0, 0, nullptr);
  reclaim::activate(*slab::cache_from_handle(after));
  auto found = on_the_list();
  EXPECT_EQ(found.count(slab::cache_from_handle(before)), 1u);
  EXPECT_EQ(found.count(slab::cache_from_handle(after)), 1u);
  for (std::uint32_t id = 1; id < slab::cache_ids(); ++id) {
    slab::cache* c = slab::cache_from_id(id);
    EXPECT_EQ(found.count(c) != 0, c->joined != 0) << "id " << id;
    if (gs_load_relaxed(&c->active) != 0) {
      EXPECT_NE(c->joined, 0u) << "id " << id;
    }
  }
  EXPECT_EQ(kmem_cache_destroy_wait(before), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(after), 0);
}

TEST_F(Active, R10_an_idle_cache_leaves_the_list) {
  kmem_cache* s = kmem_cache_create("idle", 64, 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  reclaim::activate(c);
  EXPECT_EQ(on_the_list().count(&c), 1u);
  EXPECT_TRUE(reclaim::deactivate_if_idle(c));
  EXPECT_EQ(on_the_list().count(&c), 0u);
  rcu_read_lock();
  gs_retire(kmem_cache_alloc(s, 0));
  EXPECT_EQ(on_the_list().count(&c), 1u);
  EXPECT_FALSE(reclaim::deactivate_if_idle(c));  // a retire is pending
  EXPECT_EQ(on_the_list().count(&c), 1u);
  rcu_read_unlock();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Claim 6 of background.md (B8): whoever walks past a record never sees it become another cache.
TEST_F(Active, B8_no_record_is_used_again_while_a_walk_has_it) {
  constexpr int pairs = 1000;  // each resting record in turn
  static slab::cache* walked;
  static const auto used_again = [] {
    bool again = false;
    for (int i = 0; i != pairs; ++i) {
      kmem_cache* s = kmem_cache_create("another", 64, 0, 0, nullptr);
      again = again || slab::cache_from_handle(s) == walked;
      kmem_cache_destroy(s);
    }
    return again;
  };
  kmem_cache* s = kmem_cache_create("walked", 64, 0, 0, nullptr);
  walked = slab::cache_from_handle(s);
  reclaim::activate(*walked);
  bool seen = false;
  reclaim::for_each_active(
      [](slab::cache& c, void* arg) {
        if (&c != walked) return true;
        kmem_cache_destroy(slab::handle_of(c));
        EXPECT_EQ(slab::stage_of(c), std::uint32_t{GS_STAGE_GONE});
        EXPECT_FALSE(used_again());
        *static_cast<bool*>(arg) = true;
        return false;
      },
      &seen);
  EXPECT_TRUE(seen);
  EXPECT_TRUE(used_again()) << "it rests for ever";
}

}  // namespace
