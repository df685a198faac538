// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B6: no lock that alloc, free or retire take is held while the system is asked for more: for pages
// of slabs, for the range and its map, for metadata and records of threads.
#include <graceslab/kernel/slab.h>

#include <future>
#include <thread>
#include <vector>

#include "held_up.hpp"
#include "slab/cache.hpp"

namespace {

class GrowthLock : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the sanitizer asks the system, too, under locks of its own";
#endif
    ASSERT_EQ(gs_config_set("GRACESLAB_BACKGROUND", "0"), 0);
  }
  // Objects of one cache, until the call is refused or many were had. They are never given back.
  static void take_many(kmem_cache* s, unsigned n) {
    for (unsigned i = 0; i != n; ++i)
      if (kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN) == nullptr) return;
  }
  static void use(kmem_cache* s, unsigned n) {
    std::vector<void*> all(n);
    for (void*& p : all) EXPECT_NE(p = kmem_cache_alloc(s, GFP_KERNEL), nullptr);
    for (unsigned i = 0; i != n; ++i) i % 2 != 0 ? gs_retire(all[i]) : kmem_cache_free(s, all[i]);
  }
  template <class First, class Other>
  static void expect_no_wait(unsigned number, First first, Other other) {
    if (!held_up::beside_held_up(number, first, other))
      GTEST_SKIP() << "system calls cannot be held up here";
  }
};

TEST_F(GrowthLock, B6_pages_are_populated_without_the_slabs_lock) {
  kmem_cache* s = kmem_cache_create("populated", 256, 0, 0, nullptr);
  use(s, 2000);
  expect_no_wait(
      SYS_madvise, [&] { take_many(s, 20'000); }, [&] { use(s, 5000); });
}

TEST_F(GrowthLock, B6_and_so_they_are_for_objects_with_a_constructor) {
  kmem_cache* s = kmem_cache_create("constructed", 256, 0, 0, [](void*) {});
  use(s, 2000);
  expect_no_wait(
      SYS_madvise, [&] { take_many(s, 20'000); }, [&] { use(s, 5000); });
}

TEST_F(GrowthLock, B6_the_range_grows_without_a_lock) {
  kmem_cache* s = kmem_cache_create("grown", 4096, 0, 0, nullptr);
  kmem_cache* other = kmem_cache_create("beside", 4096, 0, 0, nullptr);
  use(s, 100);
  expect_no_wait(
      SYS_mprotect, [&] { take_many(s, 20'000); },
      [&] {
        use(s, 3000);
        use(other, 3000);
        kfree(kmalloc(3'000'000, GFP_KERNEL));
      });
}

TEST_F(GrowthLock, B6_metadata_and_records_of_threads_come_without_a_lock) {
  std::vector<kmem_cache*> all(600);
  for (kmem_cache*& s : all) s = kmem_cache_create("one of many", 64, 0, 0, nullptr);
  expect_no_wait(
      SYS_mmap,
      [&] {
        for (kmem_cache* s : all) take_many(s, 1);
      },
      [&] {
        for (kmem_cache* s : all) use(s, 2);
      });
}

// The next cache needs pages for its record.
void use_up_records() {
  constexpr std::size_t step = std::size_t{64} << 10;
  do EXPECT_NE(kmem_cache_create("one of many", 64, 0, 0, nullptr), nullptr);
  while (graceslab::slab::table.bytes % step != 0);
}

void use_new_sizes() {
  for (std::size_t size : {300, 700, 3000, 20'000}) {
    void* p = kmalloc(size, GFP_KERNEL);
    EXPECT_NE(p, nullptr);
    kfree(p);
  }
  kmem_cache* s = kmem_cache_create("beside", 64, 0, 0, nullptr);
  EXPECT_NE(s, nullptr);
  kmem_cache_destroy(s);
}

TEST_F(GrowthLock, B6_a_new_size_does_not_wait_for_one_that_is_being_made) {
  use_up_records();
  expect_no_wait(
      SYS_mprotect, [] { kfree(kmalloc(100, GFP_NOWAIT | __GFP_NOWARN)); }, use_new_sizes);
}

TEST_F(GrowthLock, B6_nor_for_a_cache_that_is_being_made) {
  use_up_records();
  expect_no_wait(
      SYS_mprotect, [] { (void)kmem_cache_create("held up", 64, 0, 0, nullptr); }, use_new_sizes);
}

// A thread that has arrays of the cache, beside one that takes them over and is held up in its
// fence; and one that uses the cache for the first time.
class OwnerBesideSeizer : public GrowthLock {
 protected:
  template <class Seize>
  void expect_owners_go_on(Seize seize) {
    std::thread owner([this] {
      use(s_, 200);
      has_arrays_.set_value();
      seized_.get_future().wait();
      use(s_, 5000);
      went_on_.set_value();
    });
    has_arrays_.get_future().wait();
    const bool held = held_up::beside_held_up(
        SYS_membarrier, [&] { seize(s_); },
        [this] {
          seized_.set_value();
          use(s_, 5000);
          went_on_.get_future().wait();
        });
    if (!held) seized_.set_value();
    owner.join();
    if (!held) GTEST_SKIP() << "system calls cannot be held up here";
    gs_cache_stats now;
    ASSERT_EQ(gs_cache_read_stats(s_, &now), 0);
    EXPECT_EQ(now.live, 0u);
    EXPECT_EQ(kmem_cache_destroy_wait(s_), 0);
  }

 private:
  kmem_cache* s_ = kmem_cache_create("seized", 64, 0, 0, nullptr);
  std::promise<void> has_arrays_, seized_, went_on_;
};

TEST_F(OwnerBesideSeizer, B6_that_shrinks) {
  expect_owners_go_on([](kmem_cache* s) { kmem_cache_shrink(s); });
}

TEST_F(OwnerBesideSeizer, B6_that_waits_for_retires) {
  expect_owners_go_on([](kmem_cache* s) { kmem_cache_free_barrier(s); });
}

TEST_F(OwnerBesideSeizer, B6_that_counts) {
  expect_owners_go_on([](kmem_cache* s) {
    gs_cache_stats now;
    EXPECT_EQ(gs_cache_read_stats(s, &now), 0);
  });
}

}  // namespace
