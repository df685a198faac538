// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Containers over caches and kmalloc: C1, C2, C6, A6.
#include <graceslab/memory_resource.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <list>
#include <map>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "watched.hpp"

namespace {

using namespace watched;

TEST(Allocator, C2_serves_the_containers_of_the_standard) {
  std::map<int, int, std::less<>, graceslab::allocator<std::pair<const int, int>>> map;
  std::vector<int, graceslab::allocator<int>> vector;
  for (int i = 0; i != 10'000; ++i) map[i] = i, vector.push_back(i);
  EXPECT_GE(gs_ksize(vector.data()), vector.size() * sizeof(int)) << "it is kmalloc's";
  auto copy = vector;
  map.erase(map.begin(), std::next(map.begin(), 5000));
  EXPECT_EQ(map.begin()->second, 5000);
  EXPECT_EQ(copy, vector);
  EXPECT_EQ(graceslab::allocator<int>(), graceslab::allocator<char>());
}

template <std::size_t Align>
struct alignas(Align) aligned {
  char bytes[Align + Align / 2];
};
template <std::size_t Align>
void check_alignment() {
  std::vector<aligned<Align>, graceslab::allocator<aligned<Align>>> all;
  graceslab::kmalloc_resource plain;
  graceslab::slab_resource slabs("aligned");
  std::pmr::list<aligned<Align>> nodes(&slabs), others(&plain);
  for (int i = 0; i != 20; ++i) {
    all.emplace_back(), nodes.emplace_back(), others.emplace_back();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(all.data()) % Align, 0u) << Align;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&nodes.back()) % Align, 0u) << Align;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&others.back()) % Align, 0u) << Align;
  }
}
TEST(Allocator, C3_aligns_as_the_type_asks) {
  check_alignment<8>(), check_alignment<16>(), check_alignment<32>(), check_alignment<64>();
  check_alignment<128>(), check_alignment<1024>(), check_alignment<4096>();
}

TEST(Allocator, C6_without_memory_and_beyond_all_sizes_it_throws) {
  graceslab::allocator<long> longs;
  EXPECT_THROW((void)longs.allocate(~std::size_t{0} / 4), std::bad_array_new_length);
  EXPECT_THROW((void)longs.allocate(std::size_t{1} << 58), std::bad_alloc);
}

std::uint64_t live_of(const std::string& name) {
  std::uint64_t live = 0;
  auto look = [&](const gs_cache_stats& s) {
    if (name == s.name) live += s.live;
  };
  gs_caches_visit([](const gs_cache_stats* s, void* f) { (*static_cast<decltype(look)*>(f))(*s); },
                  &look);
  return live;
}

TEST(SlabResource, C1_has_a_cache_for_each_size_and_none_is_left) {
  reports caught;
  {
    graceslab::slab_resource slabs("nodes");
    std::pmr::list<long> nodes(&slabs);
    for (int i = 0; i != 1000; ++i) nodes.push_back(i);
    EXPECT_EQ(live_of("nodes-32"), 1000u);  // two links and a long
    std::pmr::unordered_map<std::string, std::string> map(&slabs);
    for (int i = 0; i != 1000; ++i) map.emplace(std::to_string(i), std::string(100, 'x'));
    nodes.clear();
    EXPECT_EQ(live_of("nodes-32"), 0u);
    EXPECT_EQ(map.at("77").size(), 100u);
    void* nothing = slabs.allocate(0);
    slabs.deallocate(nothing, 0);
    void* large = slabs.allocate(100'000);
    EXPECT_GE(gs_ksize(large), 100'000u);
    slabs.deallocate(large, 100'000);
  }
  EXPECT_EQ(graceslab::destroy_barrier(), graceslab::errc::ok);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  bool any = false;
  gs_caches_visit(
      [](const gs_cache_stats* s, void* found) {
        if (std::string(s->name).starts_with("nodes-")) *static_cast<bool*>(found) = true;
      },
      &any);
  EXPECT_FALSE(any);
}

TEST(SlabResource, A6_what_is_not_given_back_is_reported_and_stays) {
  reports caught;
  char* block = nullptr;
  {
    graceslab::slab_resource slabs("leaky");
    block = static_cast<char*>(slabs.allocate(48));
    block[47] = 'x';
  }
  EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "leaky-48");
  EXPECT_EQ(block[47], 'x');
  kfree(block);
}

TEST(SlabResource, C2_threads_that_begin_together_share_the_caches) {
  reports caught;
  for (int round = 0; round != 20; ++round) {
    graceslab::slab_resource slabs("shared");
    auto use = [&slabs] {
      std::pmr::map<int, int> map(&slabs);
      for (int i = 0; i != 200; ++i) map[i] = i;
    };
    std::thread a(use), b(use);
    use();
    a.join(), b.join();
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(SlabResource, C6_without_memory_it_throws_and_serves_again_later) {
  graceslab::slab_resource slabs("poor");
  {
    fault no_pages(GS_FAULT_PAGES);
    EXPECT_THROW((void)slabs.allocate(40'000'000), std::bad_alloc);
  }
  void* p = slabs.allocate(40'000'000);
  slabs.deallocate(p, 40'000'000);
}

}  // namespace
