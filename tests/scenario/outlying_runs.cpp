// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C2, C3, K4: page runs that the reserved range has no room for are objects like any other.
#include <graceslab/detail/local.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "child_process.hpp"
#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::size_t gibibyte = std::size_t{1} << 30;

// More than the range: its pages are never touched but for a few.
constexpr std::size_t beyond = (with_asan || with_tsan ? 80 : 1100) * gibibyte;

bool outlying(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p) - gs_heap.base >= gs_heap.bytes;
}
bool known(const void* p) {
  gs_object_info info;
  return gs_object_lookup(p, &info) == 0;
}

class Outlying : public testing::Test {
 protected:
  char* make(gfp_t gfp = GFP_KERNEL) {
    auto* p = static_cast<char*>(kmalloc(beyond, gfp));
    EXPECT_NE(p, nullptr);
    EXPECT_TRUE(outlying(p)) << static_cast<void*>(p);
    return p;
  }
  reports caught;
};

TEST_F(Outlying, C3_is_an_object_like_any_other) {
  char* p = make();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 65536, 0u);
  EXPECT_EQ(ksize(p), beyond);
  EXPECT_EQ(p[0] | p[beyond - 1], 0);
  p[0] = p[beyond - 1] = 1;
  char* q = make(__GFP_ZERO);
  EXPECT_TRUE(q + beyond <= p || p + beyond <= q);
  kvfree(q);
  EXPECT_EQ(p[0] + p[beyond - 1], 2);
  kfree(p);
  EXPECT_FALSE(known(p));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Outlying, C2_misuse_is_told_apart) {
  char* p = make();
  kmem_cache* other = make_cache("other");
  kmem_cache_free(other, p);
  EXPECT_EQ(caught.count(GS_REPORT_WRONG_CACHE), 1u);
  EXPECT_CONTAINS(caught.text(GS_REPORT_WRONG_CACHE), "kmalloc-large");
  kfree(p + 64);
  gs_retire(p + gibibyte);
  kvfree_rcu_mightsleep(p + beyond - 1);
  EXPECT_EQ(krealloc(p + 65536, 100, GFP_KERNEL), nullptr);
  EXPECT_EQ(ksize(p + 65536), 0u);
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 5u) << caught.everything();
  kfree(p - 65536);
  kfree(p + beyond);
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 7u) << caught.everything();
  EXPECT_EQ(ksize(p), beyond);
  kfree(p);
  EXPECT_EQ(caught.total(), 8u) << caught.everything();
  kfree(p);
  gs_retire(p);
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 9u) << caught.everything();
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
}

TEST_F(Outlying, C1_provenance_knows_it) {
  char* p = make();
  gs_object_info info;
  ASSERT_EQ(gs_object_lookup(p + beyond - 1, &info), 0);
  EXPECT_EQ(info.object, p);
  EXPECT_EQ(info.size, beyond);
  EXPECT_EQ(info.state, GS_STATE_LIVE);
  EXPECT_STREQ(info.cache_name, "kmalloc-large");
  kmem_dump_obj(p + gibibyte);
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "1073741824 bytes into");
  EXPECT_CONTAINS(caught.text(GS_REPORT_OBJECT), "allocated");
  kfree(p);
  EXPECT_EQ(gs_object_lookup(p, &info), -ENOENT);
}

TEST_F(Outlying, K4_stays_for_its_readers_and_goes_after_them) {
  char* p = make();
  p[beyond - 1] = 7;
  {
    held_reader reader;
    gs_retire(p);
    gs_object_info info;
    ASSERT_EQ(gs_object_lookup(p, &info), 0);
    EXPECT_EQ(info.state, GS_STATE_RETIRED);
    gs_retire(p);
    EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_RETIRE), 1u) << caught.everything();
    kfree(p);
    EXPECT_EQ(caught.count(GS_REPORT_FREE_OF_RETIRED), 1u) << caught.everything();
    EXPECT_EQ(p[beyond - 1], 7);
  }
  kfree_rcu_barrier();
  EXPECT_FALSE(known(p));
  EXPECT_EQ(caught.total(), 2u) << caught.everything();
}

TEST_F(Outlying, K2_retires_without_an_array) {
  char* p = make();
  char* q = make();
  {
    // The large cache keeps empty arrays; each retire here takes one away and brings none back.
    held_reader reader;
    fault no_arrays(GS_FAULT_ARRAY);
    std::vector<void*> more;
    for (int i = 0; i != 20; ++i) more.push_back(kmalloc(1'200'000, GFP_KERNEL));
    for (void* m : more) gs_retire(m);
    gs_retire(p);
    gs_object_info info;
    ASSERT_EQ(gs_object_lookup(p, &info), 0);
    EXPECT_EQ(info.state, GS_STATE_MARKED);
    p[0] = p[beyond - 1] = 1;
  }
  kfree_rcu_barrier();
  EXPECT_FALSE(known(p));
  kvfree_rcu_mightsleep(q);
  kfree_rcu_barrier();
  EXPECT_FALSE(known(q));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Outlying, C3_krealloc_crosses_the_border_with_the_contents) {
  auto* p = static_cast<char*>(kmalloc(20'000, GFP_KERNEL));
  std::strcpy(p, "contents");
  p[19'999] = 9;
  p = static_cast<char*>(krealloc(p, beyond, GFP_KERNEL));
  ASSERT_NE(p, nullptr);
  EXPECT_TRUE(outlying(p));
  EXPECT_STREQ(p, "contents");
  EXPECT_EQ(p[19'999], 9);
  EXPECT_EQ(krealloc(p, beyond - gibibyte, GFP_KERNEL), p);  // not worth a move
  char* small = static_cast<char*>(krealloc(p, 100'000, GFP_KERNEL));
  ASSERT_NE(small, nullptr);
  EXPECT_FALSE(outlying(small));
  EXPECT_FALSE(known(p));
  EXPECT_STREQ(small, "contents");
  EXPECT_EQ(small[19'999], 9);
  kfree(small);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST_F(Outlying, I8_a_forked_child_has_its_own) {
  char* p = make();
  p[beyond - 1] = 5;
  pid_t child = fork();
  if (child == 0) {
    bool fine = p[beyond - 1] == 5 && ksize(p) == beyond;
    kfree(p);
    fine = fine && !known(p);
    auto* again = static_cast<char*>(kmalloc(beyond, GFP_KERNEL));
    fine = fine && again != nullptr && again[beyond - 1] == 0;
    gs_retire(again);
    kfree_rcu_barrier();
    _exit(fine && !known(again) ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(p[beyond - 1], 5);
  kfree(p);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Of two frees that race one is the free, whether the run lies in the range or beyond; whoever
// looks it up meanwhile finds all of it or nothing.
TEST_F(Outlying, C2_racing_double_frees_are_one_free_and_one_report) {
  constexpr std::size_t rounds = 200;
  unsigned arrived = 0;
  char* at[rounds];
  for (std::size_t i = 0; i != rounds; ++i) at[i] = nullptr;
  in_threads(3, [&](int thread) {
    for (std::size_t i = 0; i != rounds; ++i) {
      if (thread == 0)
        gs_store_release(&at[i], static_cast<char*>(kmalloc(i % 2 == 0 ? beyond : 3'000'000, 0)));
      char* p;
      while ((p = gs_load_acquire(&at[i])) == nullptr) std::this_thread::yield();
      gs_object_info info;
      if (thread != 2) {
        kfree(p);
      } else if (gs_object_lookup(p + 10, &info) == 0) {
        EXPECT_EQ(info.object, p);
      }
      gs_fetch_add(&arrived, 1u);
      while (gs_load_acquire(&arrived) < 3 * (i + 1)) std::this_thread::yield();
    }
  });
  EXPECT_EQ(caught.total(), rounds) << caught.everything();
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER) + caught.count(GS_REPORT_DOUBLE_FREE), rounds);
}

TEST_F(Outlying, C6_without_pages_or_a_descriptor_is_NULL) {
  kfree(make());
  for (gs_fault_site site : {GS_FAULT_PAGES, GS_FAULT_META}) {
    fault refused(site);
    EXPECT_EQ(kmalloc(beyond, GFP_KERNEL), nullptr);
    EXPECT_EQ(kmalloc(beyond, GFP_ATOMIC), nullptr);
  }
  kfree(make());
}

TEST_F(Outlying, C6_what_no_address_space_has_is_NULL) {
  for (std::size_t size : {std::size_t{1} << 46, (std::size_t{1} << 46) + 1, std::size_t{1} << 62,
                           SIZE_MAX - 65536, SIZE_MAX - 1, SIZE_MAX})
    EXPECT_EQ(kmalloc(size, GFP_KERNEL), nullptr) << size;
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

}  // namespace
