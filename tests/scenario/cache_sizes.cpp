// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C2, C3: every size and alignment, and objects of any size by kmalloc.
#include <sys/mman.h>

#include <cstring>
#include <initializer_list>

#include "watched.hpp"

namespace {

using namespace watched;

bool aligned(const void* p, std::size_t align) {
  return (reinterpret_cast<std::uintptr_t>(p) & (align - 1)) == 0;
}

// First and last bytes of neighbours do not touch, every object is where it should be.
void check_layout(std::size_t size, std::size_t align, unsigned flags = 0) {
  SCOPED_TRACE("size " + std::to_string(size) + " align " + std::to_string(align));
  kmem_cache* s = kmem_cache_create("layout", size, align, flags, nullptr);
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(kmem_cache_size(s), size);
  const std::size_t n = size >= 65536 || align >= 4096 ? 5 : 70;
  const std::size_t natural = size >= 16 ? 16 : 1;
  std::vector<char*> all(n);
  for (std::size_t i = 0; i != n; ++i) {
    all[i] = static_cast<char*>(kmem_cache_alloc(s, GFP_KERNEL));
    ASSERT_NE(all[i], nullptr);
    EXPECT_TRUE(aligned(all[i], align != 0 ? align : natural)) << static_cast<void*>(all[i]);
    EXPECT_TRUE(aligned(all[i], natural));
    all[i][0] = all[i][size - 1] = static_cast<char>(i);
  }
  for (std::size_t i = 0; i != n; ++i) {
    EXPECT_EQ(all[i][0], static_cast<char>(i));
    EXPECT_EQ(all[i][size - 1], static_cast<char>(i));
    gs_object_info info;
    EXPECT_EQ(gs_object_lookup(all[i] + size - 1, &info), 0);
    EXPECT_EQ(info.object, all[i]);
    i % 2 == 0 ? kfree(all[i]) : gs_retire(all[i]);
  }
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(CacheSizes, C3_one_byte_to_one_mebibyte) {
  reports caught;
  for (std::size_t size = 1; size <= 66; ++size) check_layout(size, 0);
  for (std::size_t power = 128; power <= (1u << 20); power *= 2)
    for (std::size_t size : {power - 1, power, power + power / 3})
      if (size <= (1u << 20)) check_layout(size, 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(CacheSizes, C3_alignments_to_64_KiB) {
  reports caught;
  for (std::size_t align = 1; align <= 65536; align *= 2)
    for (std::size_t size : {std::size_t{1}, std::size_t{24}, align, std::size_t{5000}})
      check_layout(size, align);
  check_layout(1u << 20, 65536);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(CacheSizes, C3_hwcache_align_gives_each_object_its_lines) {
  check_layout(40, 0, SLAB_HWCACHE_ALIGN);
  kmem_cache* s = kmem_cache_create("lines", 40, 0, SLAB_HWCACHE_ALIGN, nullptr);
  for (int i = 0; i != 9; ++i) {
    void* p = kmem_cache_alloc(s, 0);
    EXPECT_TRUE(aligned(p, 64));
    gs_retire(p);
  }
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(CacheSizes, C3_bad_arguments_are_NULL_with_a_report) {
  reports caught;
  const struct {
    std::size_t size, align;
    unsigned flags;
    const char* says;
  } bad[] = {{0, 0, 0, "size"},
             {(1u << 20) + 1, 0, 0, "size"},
             {SIZE_MAX, 0, 0, "size"},
             {64, 3, 0, "alignment"},
             {64, 24, 0, "alignment"},
             {64, 131072, 0, "alignment"},
             {64, std::size_t{1} << 63, 0, "alignment"},
             {64, 0, 0x40000000u, "flags"},
             {64, 0, 0x10000u, "flags"}};
  for (const auto& b : bad) {
    caught.forget();
    EXPECT_EQ(kmem_cache_create("bad", b.size, b.align, b.flags, nullptr), nullptr);
    ASSERT_EQ(caught.count(GS_REPORT_BAD_CACHE_ARGUMENTS), 1u);
    EXPECT_CONTAINS(caught.everything(), "'bad'");
    EXPECT_CONTAINS(caught.everything(), b.says);
  }
}

TEST(CacheSizes, C3_names_are_copied_and_need_not_be_unique) {
  char name[] = "first name";
  kmem_cache* a = make_cache(name);
  std::strcpy(name, "other");
  kmem_cache* b = make_cache("first name");
  kmem_cache* c = make_cache(std::string(500, 'x').c_str());
  kmem_cache* d = kmem_cache_create(nullptr, 8, 0, 0, nullptr);
  EXPECT_STREQ(stats_of(a).name, "first name");
  EXPECT_STREQ(stats_of(b).name, "first name");
  EXPECT_EQ(std::string(stats_of(c).name), std::string(63, 'x'));
  EXPECT_NE(a, b);
  for (kmem_cache* s : {a, b, c, d}) EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// C2: found by the pointer alone, whatever the size.
TEST(CacheSizes, C3_kmalloc_of_any_size) {
  reports caught;
  std::vector<std::size_t> sizes;
  for (std::size_t size = 0; size <= 300; ++size) sizes.push_back(size);
  for (std::size_t power = 512; power <= (std::size_t{64} << 20); power *= 2)
    for (std::size_t size : {power - 1, power, power + 1}) sizes.push_back(size);
  for (std::size_t size : sizes) {
    SCOPED_TRACE(size);
    auto* p = static_cast<char*>(kmalloc(size, GFP_KERNEL));
    auto* q = static_cast<char*>(kzalloc(size, GFP_KERNEL));
    ASSERT_NE(p, nullptr);
    ASSERT_NE(q, nullptr);
    EXPECT_NE(p, q);
    EXPECT_GE(ksize(p), size);
    EXPECT_TRUE(size < 16 || aligned(p, 16));
    if (size != 0) {
      EXPECT_EQ(q[0], 0);
      EXPECT_EQ(q[size - 1], 0);
      p[0] = p[size - 1] = q[0] = q[size - 1] = 1;
    }
    kfree(p);
    kvfree(q);
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// As in the kernel: a power of two is a multiple of itself.
TEST(CacheSizes, C3_kmalloc_of_powers_of_two_is_naturally_aligned) {
  reports caught;
  std::vector<void*> all;
  for (std::size_t size = 8; size <= (std::size_t{64} << 20); size *= 2)
    for (int i = 0; i != 8; ++i) {
      void* p = kmalloc(size, GFP_KERNEL);
      ASSERT_TRUE(p != nullptr && aligned(p, size)) << size << " at " << p;
      all.push_back(p);
      all.push_back(kmalloc(70'000, GFP_KERNEL));  // so that the next one would not be by luck
    }
  for (std::size_t i = 0; i < all.size(); i += 3) {
    kfree(all[i]);
    all[i] = nullptr;
  }
  for (std::size_t size = std::size_t{4} << 20; size >= 65536; size /= 2) {
    void* p = kmalloc(size, GFP_KERNEL);
    EXPECT_TRUE(aligned(p, size)) << size << " at " << p;
    all.push_back(p);
  }
  for (void* p : all) kfree(p);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(CacheSizes, C3_kmalloc_beyond_the_address_space_is_NULL) {
  EXPECT_EQ(kmalloc(SIZE_MAX, GFP_KERNEL), nullptr);
  EXPECT_EQ(kmalloc(std::size_t{1} << 47, GFP_KERNEL), nullptr);
  EXPECT_EQ(kmalloc((std::size_t{1} << 46) - 1, GFP_KERNEL), nullptr);
  EXPECT_EQ(kcalloc(SIZE_MAX / 2, 3, GFP_KERNEL), nullptr);
  EXPECT_EQ(kmalloc_array(std::size_t{1} << 33, std::size_t{1} << 33, GFP_KERNEL), nullptr);
  void* p = kcalloc(3, 5, GFP_KERNEL);
  EXPECT_EQ(std::memcmp(p, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15), 0);
  kfree(p);
}

// A run that was used before reads zero when it is handed out zeroed.
TEST(CacheSizes, C3_large_runs_are_zeroed_again) {
  for (std::size_t size : {std::size_t{9000}, std::size_t{300'000}, std::size_t{3'000'000}}) {
    auto* p = static_cast<char*>(kmalloc(size, 0));
    std::memset(p, 0xff, size);
    kfree(p);
    p = static_cast<char*>(kvzalloc(size, 0));
    for (std::size_t i = 0; i < size; i += 64) ASSERT_EQ(p[i], 0);
    kfree(p);
  }
}

// B9: the system discards no locked page by the plain call.
TEST(CacheSizes, B9_locked_runs_are_zeroed_again) {
  for (std::size_t size : {std::size_t{16'384}, std::size_t{300'000}, std::size_t{1'200'000}}) {
    auto* p = static_cast<char*>(kmalloc(size, 0));
    if (mlock(p, size / 2) != 0) GTEST_SKIP() << "no memory may be locked here";
    std::memset(p, 0x5a, size);
    kfree(p);
    for (int i = 0; i != 20; ++i) {  // one of them in the same place
      auto* q = static_cast<char*>(kzalloc(size, 0));
      for (std::size_t at = 0; at != size; ++at) ASSERT_EQ(q[at], 0) << at;
      std::memset(q, 0x5a, size);
      if (i % 2 == 0) kfree(q);
    }
  }
}

TEST(CacheSizes, C3_krealloc_keeps_contents) {
  auto* p = static_cast<char*>(krealloc(nullptr, 10, GFP_KERNEL));
  ASSERT_NE(p, nullptr);
  std::strcpy(p, "contents");
  for (std::size_t size : {20u, 100u, 5000u, 20'000u, 300'000u, 100u, 10u}) {
    p = static_cast<char*>(krealloc(p, size, GFP_KERNEL));
    ASSERT_NE(p, nullptr);
    EXPECT_STREQ(p, "contents");
    EXPECT_GE(ksize(p), size);
  }
  EXPECT_EQ(krealloc(p, std::size_t{1} << 47, GFP_KERNEL), nullptr);
  EXPECT_STREQ(p, "contents");  // a failure leaves the old one alone
  kfree(p);
}

// As in the kernel: not NULL, so that `p = krealloc(p, n)` tells a refusal from a size of 0.
TEST(CacheSizes, C3_krealloc_to_nothing_frees_and_gives_a_unique_pointer) {
  reports caught;
  for (std::size_t size : {8u, 40u, 3000u, 50'000u}) {
    SCOPED_TRACE(size);
    void* p = kmalloc(size, GFP_KERNEL);
    void* rest = krealloc(p, 0, GFP_KERNEL);
    ASSERT_NE(rest, nullptr);
    EXPECT_NE(rest, p);
    gs_object_info info;
    EXPECT_TRUE(gs_object_lookup(p, &info) != 0 || info.state == GS_STATE_FREE);
    void* other = kmalloc(0, GFP_KERNEL);
    EXPECT_NE(rest, other);
    EXPECT_EQ(caught.total(), 0u) << caught.everything();
    kfree(rest);
    kfree(other);
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// B9: whatever was cut off, by moving or staying, reads zero when it comes back.
TEST(CacheSizes, B9_krealloc_with_zero_shows_no_old_bytes) {
  const std::size_t sizes[] = {1,   10,   16,   30,   33,   64,     100,
                               128, 1000, 5000, 8192, 9000, 40'000, 300'000};
  for (std::size_t big : sizes)
    for (std::size_t small : sizes) {
      if (small >= big) continue;
      SCOPED_TRACE(std::to_string(big) + " to " + std::to_string(small) + " and back");
      auto* p = static_cast<unsigned char*>(kzalloc(big, GFP_KERNEL));
      std::memset(p, 0xff, big);
      p = static_cast<unsigned char*>(krealloc(p, small, __GFP_ZERO));
      p = static_cast<unsigned char*>(krealloc(p, big, __GFP_ZERO));
      for (std::size_t i = 0; i != small; ++i) ASSERT_EQ(p[i], 0xff) << i;
      for (std::size_t i = small; i != big; ++i) ASSERT_EQ(p[i], 0) << i;
      kfree(p);
    }
}

TEST(CacheSizes, C2_ksize_of_what_is_free_or_foreign_is_reported) {
  reports caught;
  int on_the_stack = 0;
  EXPECT_EQ(ksize(&on_the_stack), 0u);
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 1u);
  for (std::size_t size : {std::size_t{10}, std::size_t{3000}, std::size_t{100'000}}) {
    void* p = kmalloc(size, GFP_KERNEL);
    EXPECT_GE(ksize(p), size);
    kfree(p);
    caught.forget();
    EXPECT_EQ(ksize(p), 0u);
    EXPECT_EQ(caught.count(GS_REPORT_USE_OF_FREED), 1u) << caught.everything();
  }
  void* run = kmalloc(3'000'000, GFP_KERNEL);
  EXPECT_GE(ksize(run), 3'000'000u);
  kfree(run);
  caught.forget();
  EXPECT_EQ(ksize(run), 0u);
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 1u) << caught.everything();
}

TEST(CacheSizes, C2_ksize_of_what_was_retired_is_known_to_its_readers) {
  reports caught;
  held_reader reader;
  void* p = kmalloc(100, GFP_KERNEL);
  gs_retire(p);
  EXPECT_GE(ksize(p), 100u);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(CacheSizes, C6_kmalloc_without_pages_is_NULL) {
  std::vector<void*> all = {kmalloc(100'000, 0)};
  fault no_pages(GS_FAULT_PAGES);
  while (void* p = kmalloc(100'000, GFP_KERNEL)) all.push_back(p);  // where pages are already
  EXPECT_EQ(kmalloc(100'000, GFP_KERNEL), nullptr);
  for (void* p : all) kfree(p);
}

}  // namespace
