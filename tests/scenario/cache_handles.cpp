// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C6: handles are type-stable; a stale one never touches the cache that came after.
#include <atomic>

#include "watched.hpp"

namespace {

using namespace watched;

TEST(Handles, C6_destroying_twice_is_reported_and_has_no_effect) {
  reports caught;
  kmem_cache* s = make_cache("twice");
  kmem_cache_destroy(s);
  kmem_cache_destroy(s);
  EXPECT_EQ(kmem_cache_destroy_rcu(s), 0u);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 2u);
  EXPECT_EQ(caught.total(), 2u) << caught.everything();
  kmem_cache_destroy_wait(s);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 3u);
}

TEST(Handles, C6_alloc_from_a_destroyed_cache_is_NULL_and_reported) {
  reports caught;
  kmem_cache* s = make_cache("ended");
  object* out = take(s);
  kmem_cache_destroy(s);  // lingers for the one that is out
  caught.forget();
  EXPECT_EQ(take(s), nullptr);
  EXPECT_EQ(kmem_cache_zalloc(s, GFP_KERNEL), nullptr);
  void* two[2];
  EXPECT_EQ(kmem_cache_alloc_bulk(s, GFP_KERNEL, 2, two), 0);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 3u) << caught.everything();
  kfree(out);
  EXPECT_TRUE(is_gone_soon(s));
  caught.forget();
  EXPECT_EQ(take(s), nullptr);  // and when it is gone
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
}

// Creates caches until one has the record of `old`. Null when that never happens.
kmem_cache* successor_of(kmem_cache* old) {
  // The alignment of a record leaves ten bits to the generation, and an address sixteen.
  auto record_of = [](kmem_cache* s) { return reinterpret_cast<std::uintptr_t>(s) << 16 >> 26; };
  const auto record = record_of(old);
  for (int i = 0; i != 3000; ++i) {
    kmem_cache* s = make_cache("successor");
    if (record_of(s) == record) return s;
    kmem_cache_destroy(s);
  }
  return nullptr;
}

TEST(Handles, C6_an_old_handle_never_touches_the_cache_that_came_after) {
  reports caught;
  kmem_cache* old = make_cache("same name");
  kmem_cache_destroy(old);
  kmem_cache* s = successor_of(old);
  ASSERT_NE(s, nullptr);
  ASSERT_NE(s, old);
  object* o = take(s);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  kmem_cache_destroy(old);
  EXPECT_EQ(take(old), nullptr);
  kmem_cache_free(old, o);
  gs_cache_retire(old, o);
  EXPECT_EQ(kmem_cache_shrink(old), 0);
  kmem_cache_free_barrier(old);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 6u) << caught.everything();
  EXPECT_EQ(caught.total(), 6u);
  EXPECT_TRUE(is_gone(old));
  EXPECT_EQ(kmem_cache_size(old), 0u);
  auto now = stats_of(s);
  EXPECT_EQ(now.stage, GS_STAGE_OPEN);
  EXPECT_EQ(now.live, 1u);
  EXPECT_EQ(now.retired, 0u);
  kmem_cache_free(s, o);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(Handles, C6_a_cookie_names_one_destroy_for_ever) {
  reports caught;
  kmem_cache* old = make_cache("cookie");
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(old);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  kmem_cache* s = successor_of(old);
  ASSERT_NE(s, nullptr);
  object* o = take(s);
  kmem_cache_cookie_t newer = kmem_cache_destroy_rcu(s);  // lingers
  EXPECT_NE(newer, cookie);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);  // not for that one
  EXPECT_CONTAINS(why(cookie), "gone");
  EXPECT_CONTAINS(why(newer), "draining");
  kfree(o);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(newer), 0);
}

TEST(Handles, C6_garbage_is_reported) {
  reports caught;
  int local[300];
  auto* never = reinterpret_cast<kmem_cache*>(local);
  kmem_cache_destroy(never);
  EXPECT_EQ(take(never), nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 2u) << caught.everything();
  EXPECT_TRUE(is_gone(never));
}

TEST(HandlesDeathTest, C6_SLAB_PANIC_aborts_where_the_user_chose_it) {
  alone_with({});
  EXPECT_DEATH(kmem_cache_create("must", 0, 0, SLAB_PANIC, nullptr), "SLAB_PANIC");
}

// Many more caches than rest before a record is used again: none is mixed up with another.
TEST(Handles, C6_caches_come_and_go_without_mixing) {
  reports caught;
  std::vector<kmem_cache*> open;
  std::vector<object*> out;
  for (int i = 0; i != 3000; ++i) {
    open.push_back(make_cache(std::to_string(i).c_str()));
    out.push_back(take(open.back()));
    out.back()->value[0] = static_cast<std::uint64_t>(i);
    if (open.size() < 40) continue;
    gs_object_info info;
    ASSERT_EQ(gs_object_lookup(out.front(), &info), 0);
    EXPECT_EQ(std::to_string(out.front()->value[0]), info.cache_name);
    EXPECT_EQ(info.cache, open.front());
    i % 2 == 0 ? kfree(out.front()) : gs_retire(out.front());
    kmem_cache_destroy(open.front());
    open.erase(open.begin());
    out.erase(out.begin());
  }
  for (auto* o : out) kfree(o);
  for (auto* s : open) kmem_cache_destroy(s);
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// A record starts afresh and is filled in while nobody looks: its name is one cache's, whole.
TEST(Handles, C6_B8_a_visit_beside_create_and_destroy_sees_whole_caches) {
  reports caught;
  const std::string names[] = {std::string(40, 'a'), std::string(20, 'b')};
  std::atomic<bool> stop{false};
  std::thread churn([&] {
    for (unsigned i = 0; !stop; ++i) kmem_cache_destroy(make_cache(names[i % 2].c_str()));
  });
  struct seen_caches {
    const std::string (&names)[2];
    std::uint64_t whole, torn;
  } seen = {names, 0, 0};
  auto look = [](const gs_cache_stats* now, void* arg) {
    auto& s = *static_cast<seen_caches*>(arg);
    const std::string name = now->name;
    if (name[0] != 'a' && name[0] != 'b') return;  // the library's own
    const bool whole = name == s.names[name[0] == 'b'] && now->object_bytes == sizeof(object);
    ++(whole ? s.whole : s.torn);
  };
  EXPECT_TRUE(eventually([&] {
    gs_caches_visit(look, &seen);
    return seen.whole >= 50 || seen.torn != 0;
  }));
  stop = true;
  churn.join();
  EXPECT_EQ(seen.torn, 0u);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// Threads that come for one object each, so that they find the cache closing with no arrays yet:
// what they got stays theirs until they give it back.
TEST(Handles, C6_B8_allocations_beside_destroys_keep_their_objects) {
  reports caught;
  constexpr int takes = 2000;
  std::atomic<kmem_cache*> current{make_cache("current")};
  std::atomic<bool> stop{false};
  std::thread replacer([&] {
    while (!stop) kmem_cache_destroy(current.exchange(make_cache("current")));
  });
  std::uint64_t damaged = 0;
  for (int i = 0; i != takes; ++i)
    std::thread([&] {
      kmem_cache* s = current;
      object* mine = take(s);
      if (mine == nullptr) return;
      __builtin_memset(mine, 0x22, sizeof *mine);
      std::this_thread::yield();
      for (std::size_t at = 0; at != sizeof *mine; ++at)
        damaged += reinterpret_cast<unsigned char*>(mine)[at] != 0x22;
      kfree(mine);
    }).join();
  stop = true;
  replacer.join();
  kmem_cache_destroy(current);
  EXPECT_EQ(damaged, 0u);
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  for (gs_report kind : {GS_REPORT_FOREIGN_POINTER, GS_REPORT_DOUBLE_FREE, GS_REPORT_LEAK})
    EXPECT_EQ(caught.count(kind), 0u) << caught.text(kind);
}

}  // namespace
