// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What C++ programs reach for: owners, raw memory, functors, deleters, sections that move, pointers
// that are compared and exchanged. I1, I4, R2, R7, A7, A8.
#include <array>
#include <atomic>
#include <graceslab/cache.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <memory>
#include <thread>
#include <type_traits>

#include "watched.hpp"

namespace {

using namespace watched;
using graceslab::cache;
using graceslab::destroy_policy;
using graceslab::errc;
using graceslab::rcu_pointer;
using graceslab::rcu_reader;

struct counted {
  static inline std::atomic<int> destructed;
  int value = 7;
  ~counted() { ++destructed; }
};

// ---- sections that move ----

rcu_reader enter(graceslab::rcu_domain& domain) {
  rcu_reader here(domain);
  return rcu_reader(std::move(here));
}

TEST(MovedReader, R1_ends_with_the_scope_that_has_it) {
  graceslab::rcu_domain domain({.name = "moved"});
  auto state = graceslab::grace_period::current(domain);
  {
    rcu_reader kept = enter(domain);
    EXPECT_TRUE(kept.owns_lock());
    state = graceslab::grace_period::start(domain);
    EXPECT_FALSE(state.done());
    rcu_reader last = std::move(kept);
    EXPECT_FALSE(kept.owns_lock());
    kept.unlock();  // over: no effect
    EXPECT_FALSE(state.done());
  }
  state.wait();
  EXPECT_TRUE(state.done());
}

TEST(MovedReader, R1_assigned_to_it_ends_its_own_first) {
  reports caught;
  graceslab::rcu_domain left({.name = "left"}), taken({.name = "taken"});
  rcu_reader a(left);
  rcu_reader b(taken);
  a = std::move(b);
  graceslab::rcu_synchronize(left);  // nobody is inside
  EXPECT_TRUE(gs_read_held(taken.native_handle()));
  a.unlock();
  EXPECT_FALSE(gs_read_held(taken.native_handle()));
  graceslab::rcu_synchronize(taken);
  rcu_reader in_default;
  rcu_reader also = std::move(in_default);
  EXPECT_TRUE(gs_read_held(nullptr));
  also.unlock();
  EXPECT_FALSE(gs_read_held(nullptr));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

static_assert(std::is_nothrow_move_constructible_v<rcu_reader>);
static_assert(!std::is_copy_constructible_v<rcu_reader>);

// ---- pointers ----

TEST(RcuPointer, R2_compare_exchange_publishes_once) {
  cache<counted> c("exchanged");
  rcu_pointer<counted> p;
  counted* expected = nullptr;
  counted* first = c.make();
  EXPECT_TRUE(p.compare_exchange_strong(expected, first));
  EXPECT_EQ(p.load(), first);
  counted* second = c.make();
  EXPECT_FALSE(p.compare_exchange_strong(expected, second, std::memory_order_release));
  EXPECT_EQ(expected, first);
  while (!p.compare_exchange_weak(expected, second, std::memory_order_acq_rel,
                                  std::memory_order_acquire)) {
  }
  EXPECT_EQ(p.load(std::memory_order_seq_cst), second);
  c.retire(first);
  p.store(first, std::memory_order_relaxed);
  EXPECT_EQ(p.exchange(nullptr, std::memory_order_acq_rel), first);
  c.retire(second);
}

// Each version is written by one of two threads, replaced by one, and retired once.
TEST(RcuPointer, R2_updaters_without_a_lock_lose_nothing) {
  counted::destructed = 0;
  constexpr int each = 5000;
  {
    cache<counted> c("raced");
    rcu_pointer<counted> p(c.make());
    auto update = [&] {
      for (int i = 0; i != each; ++i) {
        counted* next = c.make();
        rcu_reader section;
        counted* old = p.load();
        do next->value = old->value + 1;
        while (!p.compare_exchange_weak(old, next));
        c.retire(old);
      }
    };
    std::thread other(update);
    update();
    other.join();
    EXPECT_EQ(p.load()->value, 7 + 2 * each);
    c.retire(p.exchange(nullptr));
  }
  EXPECT_EQ(counted::destructed.load(), 2 * each + 1);
}

// ---- functors as callbacks ----

TEST(Functor, R7_runs_once_after_a_grace_period_and_the_barrier_waits) {
  graceslab::rcu_domain domain({.name = "functors"});
  std::atomic<int> ran = 0;
  auto only_moves = std::make_unique<int>(3);
  {
    rcu_reader section(domain);
    domain.call([&ran, held = std::move(only_moves)] { ran += *held; });
    EXPECT_EQ(ran.load(), 0);
  }
  graceslab::rcu_barrier(domain);
  EXPECT_EQ(ran.load(), 3);
  struct alignas(64) wide {
    std::atomic<int>* at;
    void operator()() const { *at += reinterpret_cast<std::uintptr_t>(this) % 64 == 0 ? 1 : 100; }
  };
  domain.call(wide{&ran});
  graceslab::rcu_barrier(domain);
  EXPECT_EQ(ran.load(), 4);
}

TEST(Functor, R6_without_memory_it_throws_and_nothing_is_posted) {
  int ran = 0;
  {
    fault no_pages(GS_FAULT_PAGES);
    EXPECT_THROW(graceslab::rcu_default_domain().call(
                     [&ran, big = std::array<char, 200'000>{}] { ran += 1 + big[0]; }),
                 std::bad_alloc);
  }
  graceslab::rcu_barrier();
  EXPECT_EQ(ran, 0);
}

TEST(Functor, I4_of_an_owner_is_settled_with_it) {
  std::atomic<int> ran = 0;
  graceslab::owner_token owner("functor");
  for (int i = 0; i != 100; ++i) owner.call([&ran] { ++ran; });
  EXPECT_EQ(owner.settle(), 0u);
  EXPECT_EQ(ran.load(), 100);
}

// ---- deleters ----

TEST(Deleter, A8_the_destructor_of_the_cache_waits_for_it) {
  reports caught;
  counted::destructed = 0;
  std::atomic<int> deleted = 0;
  kmem_cache* handle;
  {
    cache<counted> c("deleted");
    handle = c.native_handle();
    for (int i = 0; i != 100; ++i)
      c.retire(c.make(), [&deleted](counted* o) { deleted += o->value; });
    c.retire(nullptr, [&deleted](counted*) { deleted = -1; });
  }
  EXPECT_EQ(deleted.load(), 700);
  EXPECT_EQ(counted::destructed.load(), 0) << "the deleter ends the object, not its destructor";
  EXPECT_TRUE(is_gone(handle));
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(Deleter, A7_the_barrier_of_the_cache_waits_for_it_and_for_what_it_retires) {
  reports caught;
  std::atomic<int> deleted = 0;
  cache<counted> c("deleted");
  counted::destructed = 0;
  c.retire(c.make(), [&](counted* o) {
    ++deleted;
    std::destroy_at(o);
    c.retire(c.make());
  });
  EXPECT_EQ(c.barrier(), errc::ok);
  EXPECT_EQ(deleted.load(), 1);
  EXPECT_EQ(counted::destructed.load(), 2);
  EXPECT_EQ(graceslab::stats(c).live, 0u);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

TEST(Deleter, A4_a_destroy_that_lingers_reports_the_object_and_ends_when_it_is_home) {
  reports caught;
  cache<counted> c("lingers");
  kmem_cache* handle = c.native_handle();
  gate through;
  graceslab::rcu_default_domain().call([&through] { through.pass(); });
  c.retire(c.make(), [](counted*) {});
  EXPECT_EQ(c.destroy(destroy_policy::linger).code, errc::busy);
  through.open();
  EXPECT_TRUE(eventually([&] { return is_gone(handle); }));
  EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << caught.everything();
}

TEST(Deleter, I1_inside_a_callback_the_cache_ends_without_waiting) {
  auto c = std::make_unique<cache<counted>>("in callback");
  kmem_cache* handle = c->native_handle();
  reports caught;
  std::atomic<bool> deleted = false;
  in_callback([&] {
    c->retire(c->make(), [&](counted*) { deleted = true; });
    c.reset();
  });
  EXPECT_TRUE(eventually([&] { return is_gone(handle); }));
  EXPECT_TRUE(deleted.load());
}

TEST(Deleter, C6_of_a_cache_that_is_gone_is_reported_and_not_run) {
  reports caught;
  kmem_cache* handle;
  {
    cache<counted> c("gone");
    handle = c.native_handle();
  }
  static rcu_head head;
  static bool ran;
  gs_cache_call(
      handle, &head, [](rcu_head*) { ran = true; }, nullptr);
  rcu_barrier();
  EXPECT_FALSE(ran);
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
  gs_cache_call(
      nullptr, &head, [](rcu_head*) { ran = true; }, nullptr);
  rcu_barrier();
  EXPECT_TRUE(ran) << "no cache: the default domain";
}

// ---- owners and raw memory ----

TEST(OwnedObject, I1_is_released_when_its_owner_ends) {
  cache<counted> c("owned");
  counted::destructed = 0;
  {
    cache<counted>::unique_ptr owner = c.make_unique();
    EXPECT_EQ(owner->value, 7);
    EXPECT_EQ(graceslab::stats(c).live, 1u);
  }
  EXPECT_EQ(counted::destructed.load(), 1);
  EXPECT_EQ(graceslab::stats(c).live, 0u);
}

TEST(OwnedObject, A4_may_outlive_its_cache_and_comes_home_late) {
  reports caught;
  cache<counted>::unique_ptr owner;
  kmem_cache* handle;
  {
    cache<counted> c("outlived");
    handle = c.native_handle();
    owner = c.make_unique();
  }
  EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u) << caught.everything();
  EXPECT_EQ(owner->value, 7);
  owner.reset();
  EXPECT_TRUE(eventually([&] { return is_gone(handle); }));
  EXPECT_EQ(caught.count(GS_REPORT_LATE_FREE), 1u) << caught.everything();
}

TEST(RawMemory, C1_no_constructor_and_no_destructor_runs) {
  struct never {
    never() { ADD_FAILURE(); }
    ~never() { ADD_FAILURE(); }
    char bytes[48];
  };
  cache<never> c("raw");
  never* memory = c.allocate();
  EXPECT_EQ(graceslab::stats(c).live, 1u);
  c.deallocate(memory);
  c.deallocate(nullptr);
  EXPECT_EQ(graceslab::stats(c).live, 0u);
  (void)c.destroy();
  EXPECT_THROW((void)c.allocate(), graceslab::cache_ended);
}

}  // namespace
