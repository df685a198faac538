// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B3, B6, C2, C3: buffers of some kilobytes to one mebibyte, and caches beyond a thread's block.
#include <algorithm>
#include <cstring>
#include <random>

#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::size_t sizes[] = {8193,    16'384,  50'000,  65'536,
                                 131'072, 200'000, 524'288, 1'048'576};

// Eight at a time, over and over, in a random order: after the first round nobody asks the system.
TEST(MiddleSizes, B6_kmalloc_asks_for_no_page_when_it_has_been_there) {
  virtual_clock still;  // nothing is trimmed
  reports caught;
  std::minstd_rand random(7);
  for (std::size_t size : sizes) {
    SCOPED_TRACE(size);
    std::vector<void*> held(8);
    auto allocate = [&] {
      for (void*& p : held) {
        p = kmalloc(size, GFP_NOWAIT);
        ASSERT_NE(p, nullptr);
        std::memset(p, 0x11, 64);
      }
    };
    auto give_back = [&] {
      std::shuffle(held.begin(), held.end(), random);
      for (void* p : held) kfree(p);
    };
    ASSERT_NO_FATAL_FAILURE(allocate());
    give_back();
    {
      fault no_pages(GS_FAULT_PAGES), no_metadata(GS_FAULT_META);
      for (int round = 0; round != 100; ++round) {
        ASSERT_NO_FATAL_FAILURE(allocate());
        give_back();
      }
    }
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// A whole slab is more than the limit allows, the object itself is not.
TEST(MiddleSizes, B4_where_there_is_no_room_for_a_slab_there_is_for_the_object) {
  reports caught;
  gs_memory_use before = {};
  gs_domain_read_memory(nullptr, &before);
  gs_domain_limit_memory(nullptr, before.bytes + 196'608);
  void* p = kmalloc(180'000, GFP_KERNEL);
  ASSERT_NE(p, nullptr) << caught.everything();
  EXPECT_GE(ksize(p), 180'000u);
  std::memset(p, 1, 180'000);
  EXPECT_EQ(kmalloc(180'000, GFP_NOWAIT | __GFP_NOWARN), nullptr);
  gs_domain_limit_memory(nullptr, 0);
  kfree(p);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Beyond 256 KiB a thread keeps one.
TEST(MiddleSizes, B3_a_thread_keeps_one_large_object) {
  virtual_clock still;
  for (std::size_t size : {std::size_t{100'000}, std::size_t{1} << 20}) {
    kmem_cache* s = kmem_cache_create("large objects", size, 0, 0, nullptr);
    std::vector<void*> all(10);
    for (void*& p : all) p = kmem_cache_alloc(s, GFP_KERNEL);
    for (void* p : all) kmem_cache_free(s, p);
    EXPECT_EQ(stats_of(s).parked, 1u);
    void* last = all.back();
    for (int i = 0; i != 100; ++i) {
      void* p = kmem_cache_alloc(s, GFP_KERNEL);
      if (i == 0) last = p;
      EXPECT_EQ(p, last);  // that one
      kmem_cache_free(s, p);
    }
    EXPECT_TRUE(still.until([&] { return stats_of(s).resident_bytes == 0; }, 600));
    EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  }
}

TEST(MiddleSizes, C3_a_retired_one_comes_home) {
  for (std::size_t size : sizes) {
    auto* p = static_cast<char*>(kmalloc(size, GFP_KERNEL));
    held_reader reader;
    gs_retire(p);
    void* fresh[3];
    for (void*& q : fresh) {
      q = kmalloc(size, GFP_KERNEL);
      EXPECT_NE(q, p);
    }
    for (void* q : fresh) kfree(q);
    reader.leave();
    kfree_rcu_barrier();
  }
}

TEST(MiddleSizes, C3_krealloc_moves_seldom) {
  auto* p = static_cast<char*>(kmalloc(9000, GFP_KERNEL));
  std::memset(p, 0x22, 9000);
  unsigned moved = 0;
  for (std::size_t size = 9001; size != 100'000; ++size) {
    auto* q = static_cast<char*>(krealloc(p, size, GFP_KERNEL));
    ASSERT_NE(q, nullptr);
    moved += q != p;
    p = q;
    ASSERT_EQ(p[size - 2], 0x22);
    p[size - 1] = 0x22;
  }
  EXPECT_LE(moved, 16u);  // four steps for each doubling
  kfree(p);
}

// What was asked for once is not known any more: all that may be used reads zero.
TEST(MiddleSizes, B9_what_krealloc_grows_into_reads_zero) {
  for (std::size_t size : {std::size_t{9000}, std::size_t{70'000}, std::size_t{1'100'000}}) {
    for (int round = 0; round != 3; ++round) {
      auto* p = static_cast<char*>(kzalloc(size, GFP_KERNEL));
      const std::size_t whole = ksize(p);
      p = static_cast<char*>(krealloc(p, whole, GFP_KERNEL | __GFP_ZERO));
      for (std::size_t i = size; i != whole; ++i) ASSERT_EQ(p[i], 0) << size << " + " << i - size;
      std::memset(p, 0x33, whole);
      kfree(p);
    }
  }
}

// ---- caches with ids beyond a thread's block ----

struct crowd {
  static constexpr std::size_t caches = 600;  // more than there are places
  std::vector<kmem_cache*> all;
  crowd() {
    for (std::size_t i = 0; i != caches; ++i) all.push_back(make_cache("one of many"));
  }
  ~crowd() {
    for (kmem_cache* s : all) EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  }
};

void use_at_random(crowd& c, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::pair<kmem_cache*, object*>> held(64, {nullptr, nullptr});
  for (int i = 0; i != 20'000; ++i) {
    auto& [s, o] = held[random() % held.size()];
    if (o != nullptr) {
      EXPECT_EQ(o->value[0], reinterpret_cast<std::uintptr_t>(s));
      switch (random() % 4) {
        case 0:
          kmem_cache_free(s, o);
          break;
        case 1:
          kfree(o);
          break;
        case 2:
          gs_cache_retire(s, o);
          break;
        default:
          gs_retire(o);
      }
    }
    s = c.all[random() % c.all.size()];
    o = take(s);
    o->value[0] = reinterpret_cast<std::uintptr_t>(s);
  }
  for (auto& [s, o] : held)
    if (o != nullptr) kmem_cache_free(s, o);
}

TEST(FarCaches, C1_C2_many_caches_in_many_threads) {
  reports caught;
  {
    crowd c;
    in_threads(4, [&](int i) { use_at_random(c, static_cast<unsigned>(i) + 1); });
    kfree_rcu_barrier();
    for (kmem_cache* s : c.all) EXPECT_EQ(stats_of(s).live, 0u);
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(FarCaches, C2_misuse_is_found_there_too) {
  crowd c;
  kmem_cache* s = c.all.back();
  kmem_cache* other = c.all[c.all.size() - 2];
  reports caught;
  object* o = take(s);
  kfree(o);
  kfree(o);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_FREE), 1u) << caught.everything();
  o = take(s);
  kmem_cache_free(s, o);
  kmem_cache_free(s, o);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_FREE), 2u) << caught.everything();
  o = take(s);
  kmem_cache_free(other, o);
  EXPECT_EQ(caught.count(GS_REPORT_WRONG_CACHE), 1u) << caught.everything();
  kfree(reinterpret_cast<char*>(o) + 8);
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 1u) << caught.everything();
  kfree(o);
  EXPECT_EQ(caught.total(), 4u) << caught.everything();
}

// A record that is another cache's now: nothing of the first one is found by the old handle.
TEST(FarCaches, B8_a_handle_that_ended_is_stale) {
  crowd c;
  reports caught;
  kmem_cache* s = make_cache("ends");
  kmem_cache_free(s, take(s));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(take(s), nullptr);
  for (int i = 0; i != 600; ++i) {  // the record comes round
    kmem_cache* next = make_cache("next");
    kmem_cache_free(next, take(next));
    EXPECT_EQ(kmem_cache_destroy_wait(next), 0);
  }
  EXPECT_EQ(take(s), nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 2u) << caught.everything();
}

}  // namespace
