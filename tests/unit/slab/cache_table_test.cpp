// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// T1, T2 (C6): ids, handles and their generations.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "slab/cache.hpp"
#include "slab/depots.hpp"

namespace {

using namespace graceslab;

TEST(CacheTable, C6_a_handle_is_the_record_and_its_generation) {
  kmem_cache* s = kmem_cache_create("handle", 8, 0, 0, nullptr);
  slab::cache* c = slab::cache_from_handle(s);
  ASSERT_NE(c, nullptr);
  EXPECT_NE(c->id, 0u);
  EXPECT_EQ(slab::cache_from_id(c->id), c);
  EXPECT_EQ(slab::handle_of(*c), s);
  const auto value = reinterpret_cast<std::uintptr_t>(s);
  EXPECT_EQ(value & ~std::uintptr_t{1023}, reinterpret_cast<std::uintptr_t>(c));
  EXPECT_EQ(value & 1023, c->generation);
  for (std::uintptr_t other = 0; other != 1024; ++other) {
    if (other == c->generation) continue;
    auto* stale = reinterpret_cast<kmem_cache*>((value & ~std::uintptr_t{1023}) + other);
    EXPECT_EQ(slab::cache_from_handle(stale), nullptr);
  }
  EXPECT_EQ(slab::cache_from_handle(nullptr), nullptr);
  EXPECT_EQ(slab::cache_from_handle(reinterpret_cast<kmem_cache*>(~std::uintptr_t{0})), nullptr);
  EXPECT_EQ(slab::cache_from_id(0), nullptr);
  EXPECT_EQ(slab::cache_from_id(slab::cache_ids()), nullptr);
  kmem_cache_destroy(s);
}

// A record rests among at least 256 others before it is used again, and each life has another
// handle for 1023 lives.
TEST(CacheTable, C6_records_rest_and_generations_move) {
  std::set<kmem_cache*> handles;
  std::map<slab::cache*, int> last_use;
  for (int i = 0; i != 5000; ++i) {
    kmem_cache* s = kmem_cache_create("life", 8, 0, 0, nullptr);
    ASSERT_NE(s, nullptr);
    ASSERT_TRUE(handles.insert(s).second) << "a handle came back";
    slab::cache* c = slab::cache_from_handle(s);
    if (auto before = last_use.find(c); before != last_use.end()) {
      EXPECT_GT(i - before->second, 256);
    }
    last_use[c] = i;
    kmem_cache_destroy(s);
  }
  EXPECT_LT(last_use.size(), 600u);  // and records are used again
}

TEST(CacheTable, C6_a_new_life_starts_afresh) {
  for (int i = 0; i != 600; ++i) {
    kmem_cache* s = kmem_cache_create("used", 100, 0, 0, nullptr);
    slab::cache& c = *slab::cache_from_handle(s);
    ASSERT_EQ(c.carved, 0u);
    ASSERT_EQ(c.retired, 0u);
    ASSERT_EQ(c.reclaimed_objects, 0u);
    ASSERT_EQ(c.late_frees, 0u);
    for (slab::depot& d : slab::depots_of(c)) {
      ASSERT_EQ(d.full.head, nullptr);
      ASSERT_EQ(d.retired, 0u);
    }
    ASSERT_EQ(c.locals, nullptr);
    void* p = kmem_cache_alloc(s, 0);
    i % 2 == 0 ? gs_retire(p) : kmem_cache_free(s, p);
    ASSERT_EQ(kmem_cache_destroy_wait(s), 0);
  }
}

}  // namespace
