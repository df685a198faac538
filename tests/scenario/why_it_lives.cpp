// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I2, I7: exact counts, and why a destroyed cache still lives.
#include <sys/syscall.h>
#include <unistd.h>

#include <random>

#include "watched.hpp"

namespace {

using namespace watched;

TEST(Counts, I2_are_exact_with_many_threads) {
  kmem_cache* s = make_cache("exact");
  constexpr int threads = 8;
  std::uint64_t kept[threads] = {}, retired[threads] = {};
  gate measured;
  std::uint32_t done = 0;
  std::vector<std::vector<object*>> held(threads);
  std::vector<std::thread> running;
  for (int i = 0; i != threads; ++i)
    running.emplace_back([&, i] {
      std::minstd_rand random(static_cast<unsigned>(i) + 1);
      for (int step = 0; step != 5000; ++step) {
        auto& mine = held[static_cast<std::size_t>(i)];
        if (random() % 2 == 0 || mine.empty()) {
          mine.push_back(take(s));
          continue;
        }
        object* o = mine.back();
        mine.pop_back();
        if (random() % 2 == 0) {
          kmem_cache_free(s, o);
        } else {
          kfree_rcu(o, rcu);
          ++retired[i];
        }
      }
      kept[i] = held[static_cast<std::size_t>(i)].size();
      gs_fetch_add(&done, 1u);
      measured.pass();
    });
  ASSERT_TRUE(eventually([&] { return gs_load_acquire(&done) == threads; }));
  std::uint64_t live = 0, gone = 0;
  for (int i = 0; i != threads; ++i) live += kept[i], gone += retired[i];
  for (int look = 0; look != 50; ++look) {  // while retired memory comes home by itself
    auto now = stats_of(s);
    EXPECT_EQ(now.live, live);
    EXPECT_EQ(now.retired, gone);
    EXPECT_EQ(now.carved, now.live + now.parked + now.free_in_slabs + now.leaked +
                              (now.retired - now.reclaimed));
  }
  kmem_cache_free_barrier(s);
  EXPECT_EQ(stats_of(s).reclaimed, gone);
  measured.open();
  for (auto& t : running) t.join();
  for (auto& mine : held) give(s, mine);
  EXPECT_EQ(stats_of(s).live, 0u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Why, I7_names_stage_counts_and_the_reader) {
  kmem_cache* s = make_cache("why");
  object* live = take(s);
  auto all = take(s, 9);
  gate inside, leave;
  int tid = 0;
  std::thread reader([&] {
    tid = static_cast<int>(syscall(SYS_gettid));
    rcu_read_lock();
    inside.open();
    leave.pass();
    rcu_read_unlock();
  });
  inside.pass();
  retire(all);
  reports caught;
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_TRUE(eventually([&] { return contains(why(cookie), "held back by"); })) << why(cookie);
  const std::string text = why(cookie);
  EXPECT_CONTAINS(text, "'why' is draining");
  EXPECT_CONTAINS(text, "; 1 object is allocated and was never retired");
  EXPECT_CONTAINS(text, "9 retired objects");
  EXPECT_CONTAINS(text, "thread " + std::to_string(tid));
  EXPECT_CONTAINS(text, "destroyed by");
  leave.open();
  reader.join();
  EXPECT_TRUE(eventually([&] { return !contains(why(cookie), "retired objects"); }));
  EXPECT_CONTAINS(why(cookie), "; 1 object is allocated and was never retired");
  kfree(live);
  EXPECT_CONTAINS(why(cookie), "gone");
}

gate* in_destructor;
gate* go_on;
kmem_cache* with_destructor(const char* name) {
  gs_cache_options o = {};
  o.name = name;
  o.size = sizeof(object);
  o.dtor = [](void*) {
    in_destructor->open();
    go_on->pass();
  };
  return gs_cache_create(&o);
}

TEST(Why, I7_names_a_destructor_that_runs) {
  gate running, finish;
  in_destructor = &running;
  go_on = &finish;
  kmem_cache* s = with_destructor("destructing");
  retire(take(s, 1));
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  running.pass();
  EXPECT_CONTAINS(why(cookie), "a destructor of its objects runs");
  EXPECT_EQ(stats_of(s).stage, GS_STAGE_DRAINING);
  finish.open();
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
}

// One slow destructor never stalls the reclaim of other caches.
TEST(Why, R7_a_blocked_destructor_holds_back_its_own_cache_only) {
  for (unsigned flags : {0u, unsigned{SLAB_CONSISTENCY_CHECKS}}) {
    gate running, finish;
    in_destructor = &running;
    go_on = &finish;
    gs_cache_options o = {};
    o.name = "slow";
    o.size = sizeof(object);
    o.flags = flags;
    o.dtor = [](void*) {
      in_destructor->open();
      go_on->pass();
    };
    kmem_cache* slow = gs_cache_create(&o);
    retire(take(slow, 1));
    running.pass();
    kmem_cache* other = make_cache("other");
    retire(take(other, 10));
    EXPECT_TRUE(eventually([&] { return in_flight(other) == 0; })) << flags;
    finish.open();
    EXPECT_EQ(kmem_cache_destroy_wait(slow), 0);
    EXPECT_EQ(kmem_cache_destroy_wait(other), 0);
  }
}

TEST(Why, I7_a_cookie_that_never_was_is_told_so) {
  kmem_cache* s = make_cache("once");
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_CONTAINS(why(cookie), "gone");
  EXPECT_CONTAINS(why(cookie + (std::uint64_t{1} << 40)), "no destroy ever returned");
  EXPECT_CONTAINS(why(12345), "no destroy ever returned");
}

// Without the background thread nothing but the question itself begins a grace period.
TEST(Why, I7_names_the_reader_at_once) {
  kmem_cache* s = make_cache("asked at once");
  object* p = take(s);
  held_reader reader;
  gs_retire(p);
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_CONTAINS(why(cookie), "; 1 retired object is not reclaimed yet; held back by thread");
}

TEST(Why, I7_two_caches_of_one_name_are_told_apart) {
  kmem_cache* s[2] = {make_cache("twin"), make_cache("twin")};
  const std::uint32_t id[2] = {gs_cache_id(s[0]), gs_cache_id(s[1])};
  object* live[2] = {take(s[0]), take(s[1])};
  for (int i = 0; i != 2; ++i) {
    kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s[i]);
    EXPECT_CONTAINS(why(cookie), "cache 'twin' is draining (#" + std::to_string(id[i]) + ")");
    kfree(live[i]);
  }
}

TEST(Why, I7_of_an_open_cache_tells_counts_and_the_reader) {
  kmem_cache* s = make_cache("open");
  auto live = take(s, 3);
  held_reader reader;
  retire(take(s, 5));
  EXPECT_TRUE(eventually([&] { return contains(why(s), "held back by thread"); })) << why(s);
  const std::string text = why(s);
  EXPECT_CONTAINS(text,
                  "cache 'open' is open (#" + std::to_string(gs_cache_id(s)) + "); 3 objects ");
  EXPECT_CONTAINS(text, "; 5 retired objects are not reclaimed yet; held back by thread");
  EXPECT_CONTAINS(text, ", nesting 1, for at least ");
  reader.leave();
  EXPECT_TRUE(eventually([&] { return !contains(why(s), "retired"); })) << why(s);
  give(s, live);
  EXPECT_CONTAINS(why(s), "; 0 objects are allocated, and ");
  kmem_cache_cookie_t cookie;
  live = take(s, 1);
  EXPECT_EQ(gs_cache_destroy_by(s, GS_POLICY_LINGER, &cookie), -EBUSY);
  EXPECT_CONTAINS(why(s), "cache 'open' is draining");
  EXPECT_CONTAINS(why(s), "; 1 object is allocated and was never retired");
  give(s, live);
  EXPECT_TRUE(is_gone_soon(s));
  EXPECT_EQ(why(s), "gone: no cache has this handle");
}

TEST(Why, I7_of_an_open_cache_names_the_callback_in_front_of_its_destructors) {
  gate running, finish;
  in_destructor = &running;
  go_on = &finish;
  kmem_cache* s = with_destructor("behind");
  retire(take(s, 1));
  running.pass();
  EXPECT_CONTAINS(why(s), "1 retired object is not reclaimed yet");
  EXPECT_CONTAINS(why(s), "; a destructor of its objects runs");
  finish.open();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Why, I7_of_an_open_cache_names_who_constructs_and_what_is_protected) {
  gate running, finish;
  in_destructor = &running;
  go_on = &finish;
  kmem_cache* s = kmem_cache_create("unborn", sizeof(object), 0, 0, [](void*) {
    in_destructor->open();
    go_on->pass();
  });
  std::thread allocating([s] { kmem_cache_free(s, take(s)); });
  running.pass();
  EXPECT_CONTAINS(why(s), "; the constructor of ");
  EXPECT_CONTAINS(why(s), " has been running for at least ");
  finish.open();
  allocating.join();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Why, I7_length_is_that_of_snprintf) {
  kmem_cache* s = make_cache("length", SLAB_DESTROY_ONCE_FULLY_FREED);
  object* live = take(s);
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  char small[8];
  std::size_t needed = gs_cache_why(cookie, small, sizeof small);
  EXPECT_GT(needed, sizeof small);
  EXPECT_EQ(std::string(small), "cache '");
  EXPECT_GT(gs_cache_why(cookie, nullptr, 0), sizeof small);
  kfree(live);
}

}  // namespace
