// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// T1 to T3 (C6): ids, handles and their generations.
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "../../scenario/watched.hpp"
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
  for (unsigned bit = 0; bit != 64; ++bit) {
    if ((slab::table.address_bits >> bit & 1) != 0) continue;  // another record
    auto* stale = reinterpret_cast<kmem_cache*>(value ^ (std::uintptr_t{1} << bit));
    EXPECT_EQ(slab::cache_from_handle(stale), nullptr) << bit;
  }
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
// handle.
TEST(CacheTable, C6_records_rest_and_generations_move) {
  std::set<kmem_cache*> handles;
  std::map<slab::cache*, int> last_use;
  const std::uint32_t ids_before = slab::cache_ids();
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
  EXPECT_LT(last_use.size(), ids_before + 600u);  // and records are used again
}

// The next cache in that record; nullptr when it is not used again.
kmem_cache* next_life(const slab::cache& c) {
  for (int i = 0; i != 1000; ++i) {
    kmem_cache* s = kmem_cache_create("life", 64, 0, 0, nullptr);
    if (slab::cache_from_handle(s) == &c) return s;
    kmem_cache_destroy(s);
  }
  return nullptr;
}

std::uintptr_t address_part(const kmem_cache* s) {
  return reinterpret_cast<std::uintptr_t>(s) & slab::table.address_bits;
}

// Each of them more than the ten bits that the alignment leaves can tell apart.
TEST(CacheTable, C6_no_handle_of_any_earlier_life_reaches_the_cache) {
  constexpr std::size_t lives = 2100;
  watched::reports caught;
  slab::cache* c = slab::cache_new();
  ASSERT_NE(c, nullptr);
  const std::uint32_t first = c->generation;
  std::set<kmem_cache*> stale;
  while (stale.size() != lives) {
    kmem_cache* s = slab::handle_of(*c);
    ASSERT_EQ(slab::cache_from_handle(s), c);
    ASSERT_EQ(address_part(s), reinterpret_cast<std::uintptr_t>(c));
    ASSERT_TRUE(stale.insert(s).second) << "a handle came back";
    slab::cache* ended = c;
    slab::cache_delete(*ended);
    while ((c = slab::cache_new()) != ended) slab::cache_delete(*c);
  }
  EXPECT_EQ(c->generation, first + lives);
  slab::cache_delete(*c);
  kmem_cache* s = next_life(*c);
  ASSERT_NE(s, nullptr);
  void* p = kmem_cache_alloc(s, 0);
  ASSERT_EQ(caught.total(), 0u) << caught.everything();
  for (kmem_cache* old : stale) {
    EXPECT_EQ(kmem_cache_alloc(old, 0), nullptr);
    kmem_cache_free(old, p);
    gs_cache_retire(old, p);
    EXPECT_EQ(kmem_cache_destroy_wait(old), 0);
    kmem_cache_destroy(old);
  }
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 5 * lives);
  EXPECT_EQ(caught.total(), 5 * lives) << caught.everything().substr(0, 1000);
  EXPECT_EQ(slab::stage_of(*c), std::uint32_t{GS_STAGE_OPEN});
  const auto now = watched::stats_of(s);
  EXPECT_EQ(now.live, 1u);
  EXPECT_EQ(now.retired, 0u);
  kmem_cache_free(s, p);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// The last cache that a record can be has a handle like any other, and is its last.
TEST(CacheTable, C6_a_record_whose_generations_are_used_up_rests_for_good) {
  watched::reports caught;
  kmem_cache* s = kmem_cache_create("young", 64, 0, 0, nullptr);
  slab::cache& c = *slab::cache_from_handle(s);
  kmem_cache_destroy(s);
  ASSERT_EQ(slab::table.generations, (1u << 26) - 1);
  c.generation = slab::table.generations - 2;
  kmem_cache* last_but_one = next_life(c);
  ASSERT_NE(last_but_one, nullptr);
  kmem_cache_destroy(last_but_one);
  kmem_cache* last = next_life(c);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(last) & ~slab::table.address_bits,
            ~slab::table.address_bits);
  void* p = kmem_cache_alloc(last, 0);
  ASSERT_NE(p, nullptr);
  kmem_cache_free(last, p);
  EXPECT_EQ(kmem_cache_destroy_wait(last), 0);
  EXPECT_EQ(next_life(c), nullptr);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  kmem_cache_destroy(last);
  kmem_cache_destroy(last_but_one);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 2u) << caught.everything();
}

// Where addresses are wider, a handle has the bits below the alignment only, and a record fewer
// lives.
TEST(CacheTable, C6_fewer_generations_where_addresses_are_wide) {
  const slab::cache_table before = slab::table;
  slab::cache* c = slab::cache_new();
  ASSERT_NE(c, nullptr);
  const std::uint32_t lived = c->generation;
  slab::table.address_bits = ~std::uintptr_t{1023};
  slab::table.generations = 1023;
  c->generation = 1022;
  slab::cache_delete(*c);
  bool last = false, again = false;
  for (int i = 0; i != 1000; ++i) {
    slab::cache* other = slab::cache_new();
    if (other == c && !last) {
      EXPECT_EQ(c->handle, reinterpret_cast<std::uintptr_t>(c) + 1023);
      EXPECT_EQ(slab::cache_from_handle(slab::handle_of(*c)), c);
      last = true;
    } else if (other == c) {
      again = true;
    }
    slab::cache_delete(*other);
  }
  EXPECT_TRUE(last);
  EXPECT_FALSE(again);
  slab::table.address_bits = before.address_bits;
  slab::table.generations = before.generations;
  c->generation = lived;
}

// With the locks: the background thread may still be on its way through the record's last life.
void expect_afresh(slab::cache& c) {
  sync::lock_guard nobody_seizes(c.seize_lock);
  sync::lock_guard locals(c.locals_lock);
  slab::barn_hold barn(c);
  sync::lock_guard slabs(c.slabs_lock);
  ASSERT_EQ(c.carved, 0u);
  ASSERT_EQ(c.retired, 0u);
  ASSERT_EQ(c.reclaimed_objects, 0u);
  ASSERT_EQ(c.late_frees, 0u);
  for (slab::depot& d : slab::depots_of(c)) {
    ASSERT_EQ(d.full.head, nullptr);
    ASSERT_EQ(d.retired, 0u);
  }
  ASSERT_EQ(c.locals, nullptr);
}

TEST(CacheTable, C6_a_new_life_starts_afresh) {
  for (int i = 0; i != 600; ++i) {
    kmem_cache* s = kmem_cache_create("used", 100, 0, 0, nullptr);
    slab::cache& c = *slab::cache_from_handle(s);
    ASSERT_NO_FATAL_FAILURE(expect_afresh(c));
    void* p = kmem_cache_alloc(s, 0);
    i % 2 == 0 ? gs_retire(p) : kmem_cache_free(s, p);
    ASSERT_EQ(kmem_cache_destroy_wait(s), 0);
  }
}

}  // namespace
