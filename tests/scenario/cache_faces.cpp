// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A4, C2 and C6 after destroy: one table of what happens to late objects, over the C face and the
// C++ one, with and without a destructor. And what a deleter that cannot be moved leaves behind.
#include <atomic>
#include <cstdint>
#include <graceslab/cache.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>

#include "watched.hpp"

namespace {

using namespace watched;

std::atomic<int> destructed;
struct plain {
  long words[4];
};
struct counted {
  long words[4];
  ~counted() { ++destructed; }
};

struct c_face {
  kmem_cache* s = kmem_cache_create("face", sizeof(plain), 0, 0, nullptr);
  void* make() { return kmem_cache_alloc(s, GFP_KERNEL); }
  void release(void* p) { kmem_cache_free(s, p); }
  void retire(void* p) { gs_cache_retire(s, p); }
  kmem_cache* handle() { return s; }
  kmem_cache_cookie_t destroy() { return kmem_cache_destroy_rcu(s); }
};

template <class T>
struct cpp_face {
  graceslab::cache<T> s{"face"};
  void* make() { return s.try_make(); }
  void release(void* p) { s.release(static_cast<T*>(p)); }
  void retire(void* p) { s.retire(static_cast<T*>(p)); }
  kmem_cache* handle() { return s.native_handle(); }
  kmem_cache_cookie_t destroy() { return s.destroy(graceslab::destroy_policy::linger).cookie; }
};

template <class Face>
class EndedFace : public testing::Test {};
using faces = testing::Types<c_face, cpp_face<plain>, cpp_face<counted>>;
TYPED_TEST_SUITE(EndedFace, faces);

TYPED_TEST(EndedFace, A4_late_releases_come_home_counted_and_the_first_is_reported) {
  reports caught;
  TypeParam face;
  void* live[] = {face.make(), face.make(), face.make()};
  (void)face.destroy();
  caught.forget();
  face.release(live[0]);
  ASSERT_EQ(caught.count(GS_REPORT_LATE_FREE), 1u) << caught.everything();
  face.release(live[1]);
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
  EXPECT_EQ(stats_of(face.handle()).late_frees, 2u);
  EXPECT_EQ(stats_of(face.handle()).live, 1u);
  face.release(live[2]);
  EXPECT_TRUE(eventually([&] { return is_gone(face.handle()); }));
}

TYPED_TEST(EndedFace, A4_late_retires_come_home_without_a_report) {
  reports caught;
  TypeParam face;
  void* live[] = {face.make(), face.make()};
  kmem_cache_cookie_t cookie = face.destroy();
  caught.forget();
  for (void* p : live) face.retire(p);
  EXPECT_EQ(kmem_cache_destroy_barrier_one(cookie), 0);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TYPED_TEST(EndedFace, C2_what_never_was_an_object_is_reported) {
  reports caught;
  TypeParam face;
  void* live = face.make();
  (void)face.destroy();
  caught.forget();
  face.retire(reinterpret_cast<void*>(0x1230));
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 1u) << caught.everything();
  face.retire(nullptr);
  EXPECT_EQ(caught.total(), 1u) << caught.everything();
  face.retire(live);
  EXPECT_TRUE(eventually([&] { return is_gone(face.handle()); }));
}

TYPED_TEST(EndedFace, C6_using_what_has_ended_is_reported) {
  reports caught;
  TypeParam face;
  (void)face.destroy();
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  EXPECT_EQ(face.make(), nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
  (void)face.destroy();
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 2u) << caught.everything();
}

TEST(EndedCache, C6_what_make_throws_is_not_lack_of_memory) {
  reports caught;
  graceslab::cache<plain> s{"ended"};
  EXPECT_EQ(s.destroy().code, graceslab::errc::ok);
  EXPECT_THROW((void)s.make(), graceslab::cache_ended);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
}

TEST(EndedCache, A4_a_destructor_after_destroy_says_nothing) {
  reports caught;
  {
    cpp_face<counted> face;
    destructed = 0;
    face.retire(face.make());
    EXPECT_EQ(kmem_cache_destroy_barrier_one(face.destroy()), 0);
    EXPECT_EQ(destructed.load(), 1);
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// The prvalue is the parameter; the move out of that, into the node, throws.
struct immovable {
  immovable() = default;
  immovable(immovable&&) { throw 1; }
  void operator()(int*) const {}
  char state[3000] = {};
};

std::uint64_t objects_live() {
  std::uint64_t live = 0;
  gs_caches_visit(
      [](const gs_cache_stats* c, void* sum) { *static_cast<std::uint64_t*>(sum) += c->live; },
      &live);
  return live;
}

TEST(RcuRetire, C6_a_deleter_whose_move_throws_leaves_nothing_behind) {
  int object = 0;
  std::uint64_t live = objects_live();
  for (int i = 0; i != 100; ++i) EXPECT_THROW(graceslab::rcu_retire(&object, immovable{}), int);
  EXPECT_LT(objects_live(), live + 100);
}

}  // namespace
