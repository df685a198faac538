// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A4: destroy returns at once and lingers; what was never retired is reported at once, and again
// when it leaks.
#include <dlfcn.h>

#include <cerrno>

#include "watched.hpp"

namespace {

using namespace watched;

TEST(Linger, A4_retires_in_flight_linger_silently) {
  reports caught;
  kmem_cache* s = make_cache("silent");
  auto all = take(s, 3000);
  held_reader reader;
  retire(all);
  kmem_cache_destroy(s);  // returns though a reader holds everything back
  auto now = stats_of(s);
  EXPECT_EQ(now.stage, GS_STAGE_DRAINING);
  EXPECT_EQ(now.retired - now.reclaimed, all.size());
  EXPECT_EQ(now.live, 0u);
  EXPECT_GT(now.resident_bytes, 0u);
  reader.leave();
  EXPECT_TRUE(is_gone_soon(s));  // by itself
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(Linger, A4_with_nothing_out_it_is_gone_at_once) {
  reports caught;
  kmem_cache* s = make_cache("nothing");
  give(s, take(s, 3000));
  kmem_cache_destroy(s);
  EXPECT_TRUE(is_gone(s));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(Linger, A4_objects_never_retired_are_reported_at_once) {
  reports caught;
  kmem_cache* s = make_cache("reported");
  auto live = take(s, 3);
  held_reader reader;
  retire(take(s, 5));
  kmem_cache_destroy(s);
  ASSERT_EQ(caught.total(), 1u) << caught.everything();
  ASSERT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u);
  EXPECT_CONTAINS(caught.everything(), "'reported'");
  EXPECT_CONTAINS(caught.everything(), "3 objects allocated");
  EXPECT_CONTAINS(caught.everything(), "5 retired");
  auto now = stats_of(s);
  EXPECT_EQ(now.live, 3u);
  EXPECT_EQ(now.retired - now.reclaimed, 5u);
  reader.leave();
  for (auto* o : live) kfree(o);
  EXPECT_TRUE(is_gone_soon(s));
}

TEST(Linger, A4_late_frees_are_counted_and_the_first_is_reported) {
  reports caught;
  kmem_cache* s = make_cache("late");
  auto live = take(s, 5);
  kmem_cache_destroy(s);
  caught.forget();
  kfree(live[0]);
  ASSERT_EQ(caught.count(GS_REPORT_LATE_FREE), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "'late'");
  EXPECT_CONTAINS(caught.everything(), " at ");
  EXPECT_CONTAINS(caught.everything(), "scenario");  // the site: this program
  kmem_cache_free(s, live[1]);
  kfree(live[2]);
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
  EXPECT_EQ(stats_of(s).late_frees, 3u);
  EXPECT_EQ(stats_of(s).live, 2u);
  kfree_rcu(live[3], rcu);  // a retire is as good, and no plain free
  EXPECT_EQ(stats_of(s).late_frees, 3u);
  kfree(live[4]);
  EXPECT_TRUE(is_gone_soon(s));
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
}

TEST(Linger, A4_late_double_frees_are_still_found) {
  reports caught;
  kmem_cache* s = make_cache("late");
  auto live = take(s, 2);
  kmem_cache_destroy(s);
  kfree(live[0]);
  caught.forget();
  kfree(live[0]);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_FREE), 1u) << caught.everything();
  kfree(live[1]);
  EXPECT_TRUE(is_gone_soon(s));
}

// The driver of module/careless.c.
struct careless {
  careless()
      : handle(dlopen(GRACESLAB_MODULE_DIR "/careless.so", RTLD_NOW)),
        alloc(reinterpret_cast<void* (*)(kmem_cache*)>(dlsym(handle, "careless_alloc"))),
        exit(reinterpret_cast<void (*)(kmem_cache*)>(dlsym(handle, "careless_exit"))) {}
  ~careless() { dlclose(handle); }
  void* handle;
  void* (*alloc)(kmem_cache*);
  void (*exit)(kmem_cache*);
};

class Splat : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(gs_config_set("GRACESLAB_LINGER_SPLAT_MS", "500"), 0); }
  void TearDown() override { gs_config_set("GRACESLAB_LINGER_SPLAT_MS", "21000"); }
  bool splat() {
    return virtual_clock::until([&] { return caught.count(GS_REPORT_LEAK) != 0; }, 100);
  }
  reports caught;
  virtual_clock still;
};

TEST_F(Splat, A4_names_cache_count_age_and_who_destroyed_and_allocated) {
  careless driver;
  kmem_cache* s = make_cache("leaky", SLAB_STORE_USER);
  void* leaked[2] = {driver.alloc(s), driver.alloc(s)};
  driver.exit(s);
  EXPECT_CONTAINS(caught.text(GS_REPORT_DESTROY_WITH_OBJECTS), "careless_exit");
  EXPECT_CONTAINS(caught.text(GS_REPORT_DESTROY_WITH_OBJECTS), "careless_alloc");
  still.advance(499);
  EXPECT_EQ(caught.count(GS_REPORT_LEAK), 0u);
  ASSERT_TRUE(splat());
  const std::string text = caught.text(GS_REPORT_LEAK);
  EXPECT_CONTAINS(text, "'leaky'");
  EXPECT_CONTAINS(text, "2 objects allocated");
  EXPECT_CONTAINS(text, " ms after it was destroyed");
  EXPECT_CONTAINS(text, "destroyed by");
  EXPECT_CONTAINS(text, "careless_exit");
  EXPECT_CONTAINS(text, "careless_alloc");
  for (void* p : leaked) kfree(p);
  // A late free after a leak is memory-safe.
  EXPECT_TRUE(virtual_clock::until([&] { return is_gone(s); }));
}

TEST_F(Splat, A4_is_repeated_at_three_times_the_age) {
  kmem_cache* s = make_cache("again");
  object* leaked = take(s);
  kmem_cache_destroy(s);
  ASSERT_TRUE(splat());
  EXPECT_TRUE(virtual_clock::until([&] { return caught.count(GS_REPORT_LEAK) == 2; }, 100));
  kfree(leaked);
  EXPECT_TRUE(virtual_clock::until([&] { return is_gone(s); }));
}

TEST_F(Splat, A4_names_the_reader_that_holds_retired_memory_back) {
  kmem_cache* s = make_cache("held");
  auto all = take(s, 7);
  held_reader reader;
  retire(all);
  kmem_cache_destroy(s);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  ASSERT_TRUE(splat());
  EXPECT_CONTAINS(caught.text(GS_REPORT_LEAK), "7 retired");
  EXPECT_CONTAINS(caught.text(GS_REPORT_LEAK), "held back by thread");
  reader.leave();
  EXPECT_TRUE(virtual_clock::until([&] { return is_gone(s); }));
}

// A cache that comes home in time never splats.
TEST_F(Splat, A4_not_for_a_cache_that_came_home) {
  kmem_cache* s = make_cache("home");
  retire(take(s, 100));
  kmem_cache_destroy(s);
  ASSERT_TRUE(virtual_clock::until([&] { return is_gone(s); }, 10));
  still.advance(100'000);
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Objects left alone after misuse keep their cache, and say so.
TEST_F(Splat, C2_A4_what_was_given_up_after_damage_keeps_the_cache) {
  kmem_cache* s = make_cache("damaged", SLAB_RED_ZONE);
  auto* o = reinterpret_cast<char*>(take(s));
  o[sizeof(object)] = 1;
  kfree(o);
  EXPECT_EQ(caught.count(GS_REPORT_CORRUPT_OBJECT), 1u);
  EXPECT_EQ(stats_of(s).leaked, 1u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), -EBUSY);
  EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u);
  EXPECT_TRUE(splat());
}

}  // namespace
