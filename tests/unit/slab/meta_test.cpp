// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The library's own memory: every size, aligned, disjoint, used again.
#include "slab/meta.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "os/fault.hpp"

namespace {

using namespace graceslab;

void* get(std::size_t bytes) { return slab::meta_alloc(bytes, GS_FAULT_META, 0); }

TEST(Meta, every_size_is_aligned_and_given_back_to_itself) {
  for (std::size_t bytes = 1; bytes <= 70'000; bytes += bytes < 600 ? 1 : bytes / 7) {
    SCOPED_TRACE(bytes);
    void* p = get(bytes);
    ASSERT_NE(p, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % (bytes >= 64 ? 64 : 16), 0u);
    std::memset(p, 0xff, bytes);
    void* q = get(bytes);
    std::memset(q, 0, bytes);
    EXPECT_EQ(static_cast<unsigned char*>(p)[bytes - 1], 0xff);
    slab::meta_free(q, bytes);
    if (bytes <= 57'344) {
      EXPECT_EQ(get(bytes), q);
      slab::meta_free(q, bytes);
    }
    slab::meta_free(p, bytes);
  }
}

// New blocks of one kind after new blocks of the other: a run's array is smaller than a line.
TEST(Meta, small_blocks_leave_later_ones_aligned) {
  for (int i = 0; i != 2000; ++i) {
    ASSERT_NE(get(40), nullptr);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(get(320)) % 64, 0u) << i;
  }
}

TEST(Meta, blocks_never_overlap) {
  std::minstd_rand random(7);
  std::map<char*, std::size_t> shadow;
  for (int step = 0; step != 5000; ++step) {
    if (shadow.size() < 300 && random() % 3 != 0) {
      std::size_t bytes = 1 + random() % (random() % 20 == 0 ? 100'000 : 2000);
      auto* p = static_cast<char*>(get(bytes));
      ASSERT_NE(p, nullptr);
      auto after = shadow.lower_bound(p);
      ASSERT_TRUE(after == shadow.end() || p + bytes <= after->first);
      if (after != shadow.begin()) {
        --after;
        ASSERT_LE(after->first + after->second, p);
      }
      shadow[p] = bytes;
    } else if (!shadow.empty()) {
      auto victim = shadow.begin();
      std::advance(victim, random() % shadow.size());
      slab::meta_free(victim->first, victim->second);
      shadow.erase(victim);
    }
  }
  for (auto [p, bytes] : shadow) slab::meta_free(p, bytes);
}

// Pages of these blocks that are resident.
std::size_t resident(const std::vector<char*>& blocks) {
  std::size_t pages = 0;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (char* block : blocks) {
    unsigned char in = 0;
    auto start = reinterpret_cast<std::uintptr_t>(block) & ~(page - 1);
    if (mincore(reinterpret_cast<void*>(start), 1, &in) == 0) pages += in & 1u;
  }
  return pages;
}

TEST(Meta, B1_what_is_given_back_goes_back_to_the_system) {
  for (std::size_t bytes : {64u, 576u, 1344u, 9344u, 40'000u}) {
    SCOPED_TRACE(bytes);
    for (int again = 0; again != 3; ++again) {
      std::vector<char*> blocks(2000);
      for (char*& block : blocks) {
        block = static_cast<char*>(get(bytes));
        ASSERT_NE(block, nullptr);
        std::memset(block, 1, bytes);
      }
      ASSERT_EQ(resident(blocks), blocks.size());
      std::shuffle(blocks.begin(), blocks.end(), std::minstd_rand(7));
      for (char* block : blocks) slab::meta_free(block, bytes);
      // A few chunks are kept, one may be shared, and a region of four keeps its first page.
      const std::size_t in_chunk = 65'536 / bytes, regions = blocks.size() / in_chunk / 4 + 2;
      EXPECT_LE(resident(blocks), 6 * in_chunk + regions * (4096 / bytes + 1));
    }
  }
}

TEST(Meta, C6_faults_give_nothing) {
  gs_fault f = {1'000'000, 0, 2, 0};
  os::set_fault(GS_FAULT_META, &f);
  EXPECT_EQ(get(64), nullptr);
  EXPECT_EQ(get(100'000), nullptr);
  void* p = get(64);
  EXPECT_NE(p, nullptr);
  slab::meta_free(p, 64);
  os::set_fault(GS_FAULT_META, nullptr);
}

}  // namespace
