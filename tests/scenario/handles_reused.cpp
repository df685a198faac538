// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B8, C6: threads use handles while others destroy their caches, twice and at once, and new caches
// get the records. Whatever a late step meets there, it never touches a cache whose handle nobody
// but its owner has.
#include <atomic>
#include <memory>
#include <random>

#include "setting.hpp"
#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::uint64_t some_limit_bytes = 1 << 20;  // of those that are shared

// Handles that everybody uses, and that are destroyed as soon as they are replaced.
class shared_handles {
 public:
  shared_handles() {
    for (auto& h : handle_) h = fresh();
  }
  kmem_cache* any(unsigned i) const { return handle_[i % count]; }
  void replace(unsigned i) { kmem_cache_destroy(handle_[i % count].exchange(fresh())); }
  void end() {
    for (auto& h : handle_) kmem_cache_destroy(h);
  }

 private:
  static constexpr unsigned count = 3;
  // Quiet ones: their objects are freed late.
  static kmem_cache* fresh() { return make_cache("shared", SLAB_DESTROY_ONCE_FULLY_FREED); }
  std::atomic<kmem_cache*> handle_[count];
};

// One step of whoever has a handle and does not know that it is destroyed.
void use(kmem_cache* s, unsigned what) {
  gs_cache_stats counts;
  gs_memory_use memory;
  void* two[2];
  switch (what % 12) {
    case 0:
    case 1: {
      object* o = take(s);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      kfree(o);
      break;
    }
    case 2:
      if (object* o = take(s)) gs_retire(o);
      break;
    case 3:
      if (kmem_cache_alloc_bulk(s, GFP_KERNEL, 2, two) == 2) kmem_cache_free_bulk(s, 2, two);
      break;
    case 4:
    case 10:
    case 11:
      (void)kmem_cache_shrink(s);
      break;
    case 5:
      if (gs_cache_read_stats(s, &counts) == 0) {
        EXPECT_STREQ(counts.name, "shared");
      }
      break;
    case 6:
      (void)kmem_cache_limit_memory(s, some_limit_bytes);
      break;
    case 7:
      if (gs_cache_read_memory(s, &memory) == 0 && memory.limit_bytes != 0) {
        EXPECT_EQ(memory.limit_bytes, some_limit_bytes);
      }
      break;
    case 8:
      EXPECT_EQ(gs_cache_validate(s), 0);
      if (const unsigned size = kmem_cache_size(s)) {
        EXPECT_EQ(size, sizeof(object));
      }
      kmem_cache_free_barrier(s);
      break;
    default:
      kmem_cache_destroy(s);
  }
}

// A cache that nobody else knows: an object in use, and parked ones.
class innocent {
 public:
  innocent() : s_(kmem_cache_create("innocent", bytes, 0, 0, nullptr)) {
    mine_ = static_cast<unsigned char*>(kmem_cache_alloc(s_, GFP_KERNEL));
    void* parked = kmem_cache_alloc(s_, GFP_KERNEL);
    __builtin_memset(mine_, filling, bytes);
    kmem_cache_free(s_, parked);
    begun_ = stats();  // whoever tidies up after an earlier cache may make us do without arrays
  }
  ~innocent() {
    kmem_cache_free(s_, mine_);
    EXPECT_EQ(kmem_cache_destroy_wait(s_), 0);
  }
  innocent(const innocent&) = delete;
  innocent& operator=(const innocent&) = delete;

  gs_cache_stats stats() const { return stats_of(s_); }
  void expect_untouched() const {
    const gs_cache_stats now = stats();
    EXPECT_STREQ(now.name, "innocent");
    EXPECT_EQ(now.stage, GS_STAGE_OPEN);
    EXPECT_EQ(now.live, 1u);
    EXPECT_EQ(now.retired, 0u);
    EXPECT_EQ(now.carved, begun_.carved);
    EXPECT_EQ(now.parked, begun_.parked) << "shrunk";
    gs_memory_use memory = {};
    EXPECT_EQ(gs_cache_read_memory(s_, &memory), 0);
    EXPECT_EQ(memory.limit_bytes, 0u);
    for (std::size_t i = 0; i != bytes; ++i) ASSERT_EQ(mine_[i], filling);
  }

 private:
  static constexpr std::size_t bytes = 96;
  static constexpr unsigned char filling = 0x6b;
  kmem_cache* s_;
  unsigned char* mine_;
  gs_cache_stats begun_ = {};
};

TEST(HandlesReused, B8_C6_no_late_step_touches_a_cache_that_came_after) {
  setting parked_for_long("GRACESLAB_PARK_AGE_MS", "3600000", "1000");
  reports caught;
  constexpr int rounds = 400, kept = 3;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  shared_handles shared;
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (unsigned t = 0; t != 5; ++t)
    others.emplace_back([&, t] {
      std::minstd_rand random(seed + t);
      while (!stop) t == 0 ? shared.replace(random()) : use(shared.any(random()), random() >> 8);
    });
  std::vector<std::unique_ptr<innocent>> all;
  for (int i = 0; i != rounds && !testing::Test::HasFailure(); ++i) {
    all.push_back(std::make_unique<innocent>());
    for (auto& one : all) one->expect_untouched();
    if (all.size() == kept) all.erase(all.begin());
  }
  all.clear();
  stop = true;
  for (std::thread& t : others) t.join();
  shared.end();
  // Stale handles are to be told, and nothing else.
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), caught.total()) << caught.everything();
}

}  // namespace
