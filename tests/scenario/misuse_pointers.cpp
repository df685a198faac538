// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C2: what release builds detect on every free and retire. What is reported is left alone.
#include "watched.hpp"

namespace {

using namespace watched;

// Every way in that takes a cache and an object, or an object alone.
struct way {
  const char* name;
  bool retires;
  void (*give)(kmem_cache* s, void* p);
  // Else a test's name holds its bytes, which are addresses.
  friend void PrintTo(const way& w, std::ostream* out) { *out << w.name; }
};
const way ways[] = {
    {"kmem_cache_free", false, [](kmem_cache* s, void* p) { kmem_cache_free(s, p); }},
    {"kfree", false, [](kmem_cache*, void* p) { kfree(p); }},
    {"bulk", false, [](kmem_cache* s, void* p) { kmem_cache_free_bulk(s, 1, &p); }},
    {"kfree_rcu", true, [](kmem_cache*, void* p) { kfree_rcu(static_cast<object*>(p), rcu); }},
    {"mightsleep", true, [](kmem_cache*, void* p) { kfree_rcu_mightsleep(p); }},
    {"cache retire", true, [](kmem_cache* s, void* p) { gs_cache_retire(s, p); }},
};

class Misuse : public testing::TestWithParam<way> {
 protected:
  void give(void* p) { GetParam().give(s, p); }
  // Exactly one report, of this kind, naming the cache.
  void expect_one(gs_report kind) {
    EXPECT_EQ(caught.total(), 1u) << caught.everything();
    EXPECT_EQ(caught.count(kind), 1u) << caught.everything();
    EXPECT_CONTAINS(caught.everything(), "left alone");
    EXPECT_CONTAINS(caught.everything(), GetParam().retires ? "retire of" : "free of");
  }
  virtual_clock still;  // nothing comes home by itself
  reports caught;
  kmem_cache* s = make_cache("misused");
};
INSTANTIATE_TEST_SUITE_P(EveryWay, Misuse, testing::ValuesIn(ways), [](const auto& w) {
  std::string name = w.param.name;
  for (char& c : name)
    if (c == ' ') c = '_';
  return name;
});

TEST_P(Misuse, C2_the_inside_of_an_object_is_said_to_be_that) {
  object* o = take(s);
  give(reinterpret_cast<char*>(o) + 8);
  expect_one(GS_REPORT_FOREIGN_POINTER);
  char start[40];
  std::snprintf(start, sizeof start, "8 bytes inside object %p", static_cast<void*>(o));
  EXPECT_CONTAINS(caught.everything(), start);
  EXPECT_CONTAINS(caught.everything(), "'misused' #" + std::to_string(gs_cache_id(s)));
  kmem_cache_free(s, o);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(Misuse, C2_given_after_free_is_reported_and_left_alone) {
  object* o = take(s);
  kmem_cache_free(s, o);
  give(o);
  expect_one(GetParam().retires ? GS_REPORT_RETIRE_OF_FREED : GS_REPORT_DOUBLE_FREE);
  EXPECT_CONTAINS(caught.everything(), "'misused'");
  // It is in no array twice.
  object *a = take(s), *b = take(s);
  EXPECT_NE(a, b);
  kmem_cache_free(s, a);
  kmem_cache_free(s, b);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(Misuse, C2_given_after_retire_is_reported_and_left_alone) {
  object* o = take(s);
  kfree_rcu(o, rcu);
  give(o);
  expect_one(GetParam().retires ? GS_REPORT_DOUBLE_RETIRE : GS_REPORT_FREE_OF_RETIRED);
  kmem_cache_free_barrier(s);
  auto after = stats_of(s);
  EXPECT_EQ(after.retired, 1u);
  EXPECT_EQ(after.reclaimed, 1u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(Misuse, C2_foreign_pointers_are_reported) {
  object local = {};
  give(&local);
  expect_one(GS_REPORT_FOREIGN_POINTER);
  caught.forget();
  give(reinterpret_cast<void*>(std::uintptr_t{0x10}));
  expect_one(GS_REPORT_FOREIGN_POINTER);
  caught.forget();
  static object global;
  give(&global);
  expect_one(GS_REPORT_FOREIGN_POINTER);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(Misuse, C2_pointers_into_an_object_are_reported) {
  object* o = take(s);
  for (std::size_t offset : {1u, 8u, 16u, 63u}) {
    caught.forget();
    give(reinterpret_cast<char*>(o) + offset);
    EXPECT_EQ(caught.total(), 1u) << caught.everything();
    EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 1u) << caught.everything();
  }
  kmem_cache_free(s, o);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Memory of the cache's own slab that was never an object.
TEST_P(Misuse, C2_pointers_beyond_the_last_object_are_reported) {
  object* o = take(s);
  auto* end = reinterpret_cast<object*>((reinterpret_cast<std::uintptr_t>(o) | 65535) + 1) - 1;
  give(end);
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
  kmem_cache_free(s, o);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_P(Misuse, C2_memory_of_a_cache_that_is_gone_is_reported) {
  object* o = take(s);
  kmem_cache_free(s, o);
  ASSERT_EQ(kmem_cache_destroy_wait(s), 0);
  give(o);
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
}

TEST_P(Misuse, C2_given_after_free_by_another_thread) {
  object* o = take(s);
  std::thread([&] { kmem_cache_free(s, o); }).join();
  give(o);
  expect_one(GetParam().retires ? GS_REPORT_RETIRE_OF_FREED : GS_REPORT_DOUBLE_FREE);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(MisuseOfCaches, C2_free_into_the_wrong_cache) {
  reports caught;
  kmem_cache *mine = make_cache("mine"), *other = make_cache("other");
  object* o = take(mine);
  kmem_cache_free(other, take(other));
  kmem_cache_free(other, o);
  gs_cache_retire(other, o);
  EXPECT_EQ(caught.count(GS_REPORT_WRONG_CACHE), 2u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "'other'");
  EXPECT_CONTAINS(caught.everything(), "'mine'");
  EXPECT_EQ(stats_of(mine).live, 1u);
  kmem_cache_free(mine, o);
  EXPECT_EQ(caught.total(), 2u);
  EXPECT_EQ(kmem_cache_destroy_wait(mine), 0);
  EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
}

TEST(MisuseOfCaches, C2_kmalloc_memory_too) {
  reports caught;
  void* small = kmalloc(100, 0);
  kfree(small);
  kfree(small);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_FREE), 1u) << caught.everything();
  auto* large = static_cast<char*>(kmalloc(3u << 20, 0));
  caught.forget();
  kfree(large + 65536);
  kfree(large + 8);
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 2u) << caught.everything();
  kfree(large);
  kfree(large);
  EXPECT_EQ(caught.total(), 3u) << caught.everything();
}

// What krealloc gives back would be used: it must not be memory that somebody else may have.
TEST(MisuseOfCaches, C2_krealloc_of_what_was_given_back) {
  virtual_clock still;
  reports caught;
  for (std::size_t size : {100u, 20'000u})
    for (std::size_t wanted : {std::size_t{0}, size, 2 * size}) {
      SCOPED_TRACE(testing::Message() << size << " to " << wanted);
      void* freed = kmalloc(size, GFP_KERNEL);
      void* retired = kmalloc(size, GFP_KERNEL);
      ASSERT_NE(retired, nullptr);
      kfree(freed);
      gs_retire(retired);
      caught.forget();
      EXPECT_EQ(krealloc(freed, wanted, GFP_KERNEL), nullptr);
      EXPECT_EQ(krealloc(retired, wanted, GFP_KERNEL), nullptr);
      EXPECT_EQ(caught.total(), 2u) << caught.everything();
      EXPECT_EQ(caught.count(GS_REPORT_FREE_OF_RETIRED), 1u) << caught.everything();
      kfree_rcu_barrier();
    }
}

TEST(MisuseOfCaches, C2_large_runs_retired_twice) {
  reports caught;
  held_reader reader;
  void* large = kmalloc(3u << 20, 0);
  gs_retire(large);
  gs_retire(large);
  kfree(large);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_RETIRE), 1u) << caught.everything();
  EXPECT_EQ(caught.count(GS_REPORT_FREE_OF_RETIRED), 1u) << caught.everything();
  reader.leave();
  kfree_rcu_barrier();
}

// Section 7: reports are counted by kind, begin with the library's name and name the place.
TEST(MisuseOfCaches, C2_reports_name_the_place_and_are_counted) {
  reports caught;
  kmem_cache* s = make_cache("placed");
  object* o = take(s);
  kmem_cache_free(s, o);
  const auto before = gs_report_count(GS_REPORT_DOUBLE_FREE);
  kmem_cache_free(s, o);
  EXPECT_EQ(gs_report_count(GS_REPORT_DOUBLE_FREE), before + 1);
  EXPECT_EQ(caught.everything().rfind("graceslab: double-free: ", 0), 0u) << caught.everything();
  EXPECT_CONTAINS(caught.everything(), "scenario");
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Whoever wants it can have the first violation end the process.
TEST(MisuseDeathTest, C2_ON_VIOLATION_abort) {
  alone_with({{"GRACESLAB_ON_VIOLATION", "abort"}});
  EXPECT_DEATH(
      {
        kmem_cache* s = make_cache("fatal");
        object* o = take(s);
        kmem_cache_free(s, o);
        kmem_cache_free(s, o);
      },
      "double-free");
  unsetenv("GRACESLAB_ON_VIOLATION");
}

}  // namespace
