// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I2, I7: statistics of caches that others are at work on.
#include <cstring>
#include <graceslab/stats.hpp>

#include "../../scenario/watched.hpp"
#include "observe/observe.hpp"
#include "os/clock.hpp"
#include "slab/depots.hpp"
#include "slab/sheaves.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace {

using namespace graceslab;

// Objects that somebody moves from one list to another are not taken for live ones.
TEST(Stats, I2_what_is_in_hand_is_waited_for) {
  kmem_cache* s = watched::make_cache("in hand");
  slab::cache& c = *slab::cache_from_handle(s);
  auto all = watched::take(s, 1000);
  watched::give(s, all);
  std::uint32_t stop = 0;
  std::thread mover([&] {
    for (; gs_load_acquire(&stop) == 0; os::sleep_us(20)) {
      slab::transit in_hand(c);
      gs_sheaf* sheaf;
      {
        slab::depot& here = slab::depot_here(c);
        sync::lock_guard hold(here.lock);
        sheaf = slab::pop(here.full);
      }
      if (sheaf != nullptr) slab::put_full(c, sheaf);
    }
  });
  for (int look = 0; look != 200; ++look) {
    gs_cache_stats now;
    observe::cache_stats(c, &now);
    EXPECT_EQ(now.live, 0u);
  }
  gs_store_release(&stop, 1u);
  mover.join();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Stats, I2_resident_bytes_are_pages_that_were_touched) {
  kmem_cache* s = kmem_cache_create("resident", 100, 0, 0, nullptr);
  EXPECT_EQ(watched::stats_of(s).resident_bytes, 0u);
  void* p = kmem_cache_alloc(s, 0);
  auto now = watched::stats_of(s);
  EXPECT_GT(now.resident_bytes, 0u);
  EXPECT_LE(now.resident_bytes, 16384u);  // not the whole granule
  EXPECT_EQ(now.stride_bytes, 112u);
  EXPECT_EQ(now.object_bytes, 100u);
  kmem_cache_free(s, p);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Stats, I7_visit_shows_every_cache_once) {
  kmem_cache* s = watched::make_cache("visited once");
  int seen = 0;
  for (const auto& c : all_caches()) seen += std::strcmp(c.name, "visited once") == 0;
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

}  // namespace
