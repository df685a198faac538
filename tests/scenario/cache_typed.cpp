// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I1 and the C++ synopsis of section 7: a typed cache is safe by default.
#include <atomic>
#include <graceslab/cache.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

#include "watched.hpp"

namespace {

using namespace watched;
using graceslab::cache;
using graceslab::destroy_policy;
using graceslab::errc;

struct plain {
  int value = 7;
};
std::atomic<int> destructed;
struct counted {
  explicit counted(int v) : value(v) {
    if (v < 0) throw std::runtime_error("negative");
  }
  ~counted() { ++destructed; }
  int value;
};

TEST(TypedCache, I1_the_destructor_waits_for_retired_objects) {
  reports caught;
  destructed = 0;
  kmem_cache* handle;
  {
    cache<counted> c("typed");
    handle = c.native_handle();
    for (int i = 0; i != 1000; ++i) c.retire(c.make(i));
  }
  EXPECT_EQ(destructed.load(), 1000);
  EXPECT_TRUE(is_gone(handle));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(TypedCache, I1_inside_a_section_or_callback_it_lingers_without_a_report) {
  reports caught;
  kmem_cache* handle;
  {
    auto c = std::make_unique<cache<plain>>("section");
    handle = c->native_handle();
    rcu_read_lock();
    for (int i = 0; i != 10; ++i) c->retire(c->make());
    c.reset();
    EXPECT_EQ(stats_of(handle).stage, GS_STAGE_DRAINING);
    rcu_read_unlock();
  }
  EXPECT_TRUE(eventually([&] { return is_gone(handle); }));
  auto c = std::make_unique<cache<plain>>("callback");
  handle = c->native_handle();
  in_callback([&] {
    c->retire(c->make());
    c.reset();
  });
  EXPECT_TRUE(eventually([&] { return is_gone(handle); }));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(TypedCache, I1_live_objects_are_reported_and_nothing_is_freed_early) {
  reports caught;
  destructed = 0;
  counted* live;
  kmem_cache* handle;
  {
    cache<counted> c("live");
    handle = c.native_handle();
    live = c.make(5);
  }
  EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << caught.everything();
  EXPECT_EQ(live->value, 5);
  EXPECT_EQ(destructed.load(), 0);
  live->~counted();
  kfree(live);
  EXPECT_TRUE(is_gone_soon(handle));
}

TEST(TypedCache, C1_make_release_and_retire) {
  reports caught;
  destructed = 0;
  cache<counted> c("operations");
  EXPECT_EQ(c.make(3)->value, 3);
  counted* o = c.try_make(4);
  EXPECT_EQ(o->value, 4);
  c.release(o);
  EXPECT_EQ(destructed.load(), 1);
  c.release(nullptr);
  c.retire(nullptr);
  EXPECT_EQ(destructed.load(), 1);
  for (int i = 0; i != 500; ++i) c.retire(c.make(i));
  EXPECT_EQ(c.barrier(), errc::ok);
  EXPECT_EQ(destructed.load(), 501);
  auto now = graceslab::stats(c);
  EXPECT_EQ(now.live, 1u);
  EXPECT_EQ(now.retired, 500u);
  rcu_read_lock();
  EXPECT_EQ(c.barrier(), errc::would_deadlock);
  rcu_read_unlock();
  (void)c.destroy(destroy_policy::linger);
}

TEST(TypedCache, C6_without_memory_make_throws_and_try_make_is_null) {
  cache<plain> c("no memory");
  std::vector<plain*> all;
  {
    fault no_pages(GS_FAULT_PAGES);
    while (plain* p = c.try_make()) all.push_back(p);
    EXPECT_THROW((void)c.make(), std::bad_alloc);
    EXPECT_EQ(graceslab::stats(c).live, all.size());
  }
  for (auto* p : all) c.release(p);
}

TEST(TypedCache, C6_a_constructor_that_throws_leaves_nothing_behind) {
  cache<counted> c("throwing");
  EXPECT_THROW((void)c.make(-1), std::runtime_error);
  EXPECT_THROW((void)c.try_make(-1), std::runtime_error);
  EXPECT_EQ(graceslab::stats(c).live, 0u);
}

TEST(TypedCache, C3_creating_without_memory_throws) {
  EXPECT_THROW(cache<plain>("bad", {.flags = 0x40000000u}), std::bad_alloc);
}

TEST(TypedCache, A8_A9_destroy_by_policy) {
  cache<plain> waits("waits");
  waits.retire(waits.make());
  auto result = waits.destroy();
  EXPECT_EQ(result.code, errc::ok);
  EXPECT_EQ(graceslab::destroy_barrier(result.cookie), errc::ok);

  cache<plain> lingers("lingers");
  plain* live = lingers.make();
  {
    reports caught;
    result = lingers.destroy(destroy_policy::linger);
    EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u);
    EXPECT_EQ(result.code, errc::busy);
    EXPECT_CONTAINS(graceslab::why(result.cookie), "; 1 object is allocated and was never retired");
    EXPECT_NE(lingers.native_handle(), nullptr);  // by which late objects are known
    kfree(live);
  }
  EXPECT_EQ(graceslab::destroy_barrier(result.cookie), errc::ok);
  EXPECT_EQ(graceslab::destroy_barrier(), errc::ok);
}

TEST(TypedCache, R11_a_cache_of_its_own_domain) {
  graceslab::rcu_domain domain({.name = "own"});
  {
    cache<plain> c("in domain", {.domain = &domain});
    held_reader elsewhere;  // of the default domain: delays nobody here
    for (int i = 0; i != 500; ++i) c.retire(c.make());
    EXPECT_EQ(c.barrier(), errc::ok);
    EXPECT_EQ(graceslab::stats(domain).retired, 500u);
  }
}

TEST(TypedCache, K6_policy_of_pressure) {
  reports caught;
  cache<counted> c("pressed", {.pending_limit_bytes = 64 * sizeof(counted),
                               .pressure = graceslab::pressure::report});
  held_reader reader;
  for (int i = 0; i != 1000; ++i) c.retire(c.make(i));
  EXPECT_EQ(caught.count(GS_REPORT_OVER_LIMIT), 1u) << caught.everything();
}

// Many types at once: the inlined fast path of each goes to its own cache.
template <std::size_t N>
struct sized {
  char bytes[N];
};
template <std::size_t N>
void use() {
  cache<sized<N>> c("sized");
  std::vector<sized<N>*> all;
  for (int i = 0; i != 200; ++i) {
    all.push_back(c.make());
    for (char& byte : all.back()->bytes) byte = static_cast<char>(i);
  }
  for (int i = 0; i != 200; ++i) {
    EXPECT_EQ(all[static_cast<std::size_t>(i)]->bytes[N - 1], static_cast<char>(i));
    i % 2 == 0 ? c.release(all[static_cast<std::size_t>(i)])
               : c.retire(all[static_cast<std::size_t>(i)]);
  }
}
TEST(TypedCache, C3_of_many_sizes) {
  reports caught;
  use<1>(), use<2>(), use<3>(), use<7>(), use<8>(), use<9>(), use<16>(), use<17>(), use<48>();
  use<100>(), use<1000>(), use<4097>(), use<70'000>();
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(TypedCache, C2_misuse_through_the_fast_path) {
  reports caught;
  cache<plain> c("fast"), other("other");
  plain* p = c.make();
  c.release(p);
  c.release(p);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_FREE), 1u);
  c.retire(p);
  EXPECT_EQ(caught.count(GS_REPORT_RETIRE_OF_FREED), 1u);
  p = c.make();
  other.release(p);
  EXPECT_EQ(caught.count(GS_REPORT_WRONG_CACHE), 1u);
  plain local;
  c.release(&local);
  EXPECT_EQ(caught.count(GS_REPORT_FOREIGN_POINTER), 1u);
  c.release(p);
  EXPECT_EQ(caught.total(), 4u) << caught.everything();
}

// A destructor that runs at harvest is code in a callback's place, whichever thread runs it.
struct waits_for_itself {
  static inline cache<waits_for_itself>* home;
  static inline errc answer;
  static inline int destroyed;
  ~waits_for_itself() {
    ++destroyed;
    answer = home->barrier();
    (void)graceslab::rcu_default_domain().drain();
  }
};

TEST(TypedCache, R5_waiting_inside_a_destructor_is_reported) {
  reports caught;
  cache<waits_for_itself> c("itself");
  waits_for_itself::home = &c;
  c.retire(c.make());
  EXPECT_EQ(c.barrier(), errc::ok);
  EXPECT_EQ(waits_for_itself::destroyed, 1);
  EXPECT_EQ(waits_for_itself::answer, errc::would_deadlock);
  EXPECT_EQ(caught.count(GS_REPORT_WAIT_IN_CALLBACK), 2u) << caught.everything();
}

}  // namespace
