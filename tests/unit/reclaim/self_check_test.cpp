// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// K5: a batch whose grace period has not completed is never reused or freed; it is reported and
// leaks.
#include <graceslab/kernel/slab.h>

#include <functional>
#include <vector>

#include "../../scenario/watched.hpp"
#include "reclaim/reclaim.hpp"
#include "slab/cache.hpp"
#include "slab/depots.hpp"
#include "slab/sheaves.hpp"

namespace {

using namespace graceslab;

// Moves what is deferred to the reclaimed list as a mistaken harvest would: too early.
void harvest_too_early(slab::cache& c) {
  for (slab::depot& d : slab::depots_of(c)) {
    sync::lock_guard hold(d.lock);
    while (gs_sheaf* s = slab::pop(d.deferred)) {
      d.deferred_objects -= s->count;
      d.reclaimed_objects += s->count;
      slab::push(d.reclaimed, s);
    }
  }
}

class SelfCheck : public testing::Test {
 protected:
  void SetUp() override {
    s = watched::make_cache("checked");
    objects = watched::take(s, 64 * 3);
    reader = new watched::held_reader;
    for (auto* o : objects) o->value[0] = 0xabcd;
    watched::retire(objects);
    slab::cache& c = *slab::cache_from_handle(s);
    {
      slab::transit in_hand(c);
      slab::spoils taken;
      ASSERT_TRUE(slab::seize(c, slab::seize_what::retired, slab::seize_then::reopen, &taken));
      slab::settle_spoils(c, taken);
    }
    harvest_too_early(c);
  }
  void TearDown() override {
    for (auto* o : objects) EXPECT_EQ(o->value[0], 0xabcdu);
    EXPECT_EQ(caught.count(GS_REPORT_EARLY_RECLAIM), 3u) << caught.everything();
    EXPECT_CONTAINS(caught.everything(), "'checked'");
    delete reader;
  }
  watched::virtual_clock still;
  watched::reports caught;
  kmem_cache* s = nullptr;
  std::vector<watched::object*> objects;
  watched::held_reader* reader = nullptr;
};

TEST_F(SelfCheck, K5_not_by_allocation) {
  auto fresh = watched::take(s, 1000);
  for (auto* f : fresh)
    for (auto* o : objects) ASSERT_NE(f, o);
  EXPECT_EQ(watched::stats_of(s).leaked, objects.size());
}

TEST_F(SelfCheck, K5_not_by_shrink) {
  kmem_cache_shrink(s);
  EXPECT_EQ(watched::stats_of(s).leaked, objects.size());
}

TEST_F(SelfCheck, K5_not_by_destroy) {
  kmem_cache_destroy(s);
  EXPECT_EQ(watched::stats_of(s).leaked, objects.size());
  EXPECT_EQ(watched::stats_of(s).stage, GS_STAGE_DRAINING);
}

}  // namespace
