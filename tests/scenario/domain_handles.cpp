// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B8, R11: a handle of a domain that was destroyed is told, whatever it is used for, and never
// touches the domain that came after in its record.
#include <errno.h>

#include <atomic>
#include <future>

#include "watched.hpp"

namespace {

using namespace watched;

gs_domain* make_domain(const char* name) {
  gs_domain_options options = {};
  options.name = name;
  return gs_domain_create(&options);
}

// Creates domains until one has the record of `old`. Null when that never happens.
gs_domain* successor_of(gs_domain* old) {
  // The page size leaves twelve bits to number and generation, and an address sixteen.
  auto record_of = [](gs_domain* d) { return reinterpret_cast<std::uintptr_t>(d) << 16 >> 28; };
  for (int i = 0; i != 3000; ++i) {
    gs_domain* d = make_domain("successor");
    if (record_of(d) == record_of(old)) return d;
    EXPECT_EQ(gs_domain_destroy(d), 0);
  }
  return nullptr;
}

struct counted {
  rcu_head head = {};
  std::atomic<int> ran{0};
  static void run(rcu_head* head) { ++reinterpret_cast<counted*>(head)->ran; }
};

// A handle that has become stale, and the domain that its record is now.
class DomainHandles : public testing::Test {
 protected:
  void pass_on() {
    ASSERT_EQ(gs_domain_destroy(old_), 0);
    now_ = successor_of(old_);
    ASSERT_NE(now_, nullptr);
    ASSERT_NE(now_, old_);
    before_ = stats_of(now_);
  }
  // It was told so often, of that, and of nothing else.
  void expect_told(std::size_t times, const char* what) {
    EXPECT_EQ(caught_.count(GS_REPORT_STALE_HANDLE), times) << caught_.everything();
    EXPECT_EQ(caught_.total(), times) << caught_.everything();
    EXPECT_NE(caught_.everything().find(what), std::string::npos) << caught_.everything();
    EXPECT_EQ(caught_.everything().find("successor"), std::string::npos) << "an innocent is named";
    caught_.forget();
  }
  // The later domain works, as it was made, and ends as soon as its owner says so.
  void expect_untouched() {
    EXPECT_EQ(stats_of(now_).callbacks_posted, before_.callbacks_posted);
    EXPECT_EQ(stats_of(now_).started, before_.started);
    EXPECT_EQ(gs_read_held(now_), 0);
    gs_memory_use memory;
    gs_domain_read_memory(now_, &memory);
    EXPECT_EQ(memory.limit_bytes, 0u);
    EXPECT_EQ(gs_barrier_covers_retire(now_, 0), 0);
    counted c;
    gs_domain_read_lock(now_);
    gs_call_rcu(now_, &c.head, counted::run, nullptr);  // refused here if it is closed
    gs_domain_read_unlock(now_);
    gs_rcu_barrier(now_);
    EXPECT_EQ(c.ran, 1);
    EXPECT_EQ(gs_domain_drain(now_, 0, 0, nullptr), 0);
    EXPECT_EQ(gs_domain_destroy(now_), 0);
    EXPECT_EQ(caught_.total(), 0u) << caught_.everything();
  }

  reports caught_;
  gs_domain* old_ = make_domain("predecessor");
  gs_domain* now_ = nullptr;
  gs_domain_stats before_ = {};
};

TEST_F(DomainHandles, B8_a_second_destroy) {
  pass_on();
  EXPECT_EQ(gs_domain_destroy(old_), -ENOENT);
  expect_told(1, "destroy");
  expect_untouched();
}

TEST_F(DomainHandles, B8_a_destroyed_domain_is_told_by_its_name_until_its_record_is_another) {
  ASSERT_EQ(gs_domain_destroy(old_), 0);
  EXPECT_EQ(gs_domain_destroy(old_), -ENOENT);
  expect_told(1, "predecessor");
}

TEST_F(DomainHandles, B8_a_post) {
  pass_on();
  counted c;
  gs_call_rcu(old_, &c.head, counted::run, nullptr);
  gs_call_rcu_hurry(old_, &c.head, counted::run, nullptr);  // the head is not queued
  expect_told(2, "call_rcu");
  expect_untouched();
  EXPECT_EQ(c.ran, 0);
}

TEST_F(DomainHandles, B8_a_section_of_a_thread_that_was_never_in) {
  pass_on();
  gs_domain_read_lock(old_);
  EXPECT_EQ(gs_read_held(old_), 0);
  EXPECT_EQ(gs_read_held(now_), 0);
  expect_told(1, "read lock");
  gs_domain_read_unlock(old_);
  expect_told(1, "read unlock");
  expect_untouched();
}

TEST_F(DomainHandles, B8_a_section_of_a_thread_that_was_in) {
  gs_domain_read_lock(old_);
  gs_domain_read_unlock(old_);
  pass_on();
  for (int i = 0; i != 2; ++i) {
    gs_domain_read_lock(old_);
    EXPECT_EQ(gs_read_held(old_), 0);
    expect_told(1, "read lock");
    gs_domain_read_unlock(old_);
    expect_told(1, "read unlock");
    gs_domain_read_lock(now_);
    EXPECT_EQ(gs_read_held(now_), 1);
    gs_domain_read_unlock(now_);
  }
  expect_untouched();
}

TEST_F(DomainHandles, B8_a_section_inside_one_of_the_later_domain) {
  pass_on();
  gs_domain_read_lock(now_);
  gs_domain_read_lock(old_);
  EXPECT_EQ(gs_read_held(now_), 1);
  EXPECT_EQ(gs_read_held(old_), 0);
  expect_told(1, "read lock");
  gs_domain_read_unlock(old_);
  EXPECT_EQ(gs_read_held(now_), 1);
  expect_told(1, "read unlock");
  gs_domain_read_unlock(now_);
  expect_untouched();
}

TEST_F(DomainHandles, B8_a_section_without_memory) {
  pass_on();
  std::async(std::launch::async, [this] {
    fault no_memory(GS_FAULT_META);
    gs_domain_read_lock(now_);
    gs_domain_read_lock(old_);
    EXPECT_EQ(gs_read_held(now_), 1);
    gs_domain_read_unlock(old_);
    EXPECT_EQ(gs_read_held(now_), 1);
    gs_domain_read_unlock(now_);
  }).get();
  expect_told(2, "read lock");
  expect_untouched();
}

TEST_F(DomainHandles, B8_a_cache) {
  pass_on();
  gs_cache_options options = {};
  options.name = "late";
  options.size = 64;
  options.domain = old_;
  EXPECT_EQ(gs_cache_create(&options), nullptr);
  expect_told(1, "creation of a cache");
  expect_untouched();
}

TEST_F(DomainHandles, B8_drain_and_close) {
  pass_on();
  EXPECT_EQ(gs_domain_drain(old_, 0, 0, nullptr), -ENOENT);
  expect_told(1, "drain");
  EXPECT_EQ(gs_domain_close(old_), -ENOENT);
  expect_told(1, "close");
  expect_untouched();
}

TEST_F(DomainHandles, B8_limits) {
  pass_on();
  gs_domain_limit_memory(old_, 1 << 20);
  expect_told(1, "memory limit");
  EXPECT_EQ(gs_barrier_covers_retire(old_, 1), 0);
  expect_told(1, "barrier_covers_retire");
  expect_untouched();
}

TEST_F(DomainHandles, B8_waits_of_others_readers) {
  pass_on();
  held_reader reader(now_);
  for (auto wait : {gs_synchronize, gs_synchronize_expedited, gs_rcu_barrier, gs_retire_barrier,
                    gs_domain_reclaim_now})
    wait(old_);
  expect_told(5, "synchronize");
  reader.leave();
  expect_untouched();
}

TEST_F(DomainHandles, B8_cookies_of_a_domain_that_is_gone_are_done) {
  const std::uint64_t cookie = gs_gp_state(old_);
  pass_on();
  EXPECT_EQ(gs_gp_poll(old_, cookie), 1);
  EXPECT_EQ(gs_gp_state(old_), 0u);
  EXPECT_EQ(gs_gp_start_poll(old_), 0u);
  gs_gp_cond_synchronize(old_, cookie);
  expect_told(4, "gp_poll");
  expect_untouched();
}

TEST_F(DomainHandles, B8_counts_are_zeros) {
  pass_on();
  gs_domain_limit_memory(now_, 1 << 20);
  EXPECT_EQ(stats_of(old_).readers, 0u);
  gs_memory_use memory;
  gs_domain_read_memory(old_, &memory);
  EXPECT_EQ(memory.limit_bytes, 0u);
  EXPECT_EQ(gs_read_held(old_), 0);
  EXPECT_EQ(caught_.total(), 0u) << caught_.everything();
  gs_domain_limit_memory(now_, 0);
  expect_untouched();
}

TEST_F(DomainHandles, R11_a_domain_whose_destroy_was_refused_goes_on) {
  gs_cache_options options = {};
  options.name = "holds it";
  options.size = 64;
  options.domain = old_;
  kmem_cache* s = gs_cache_create(&options);
  EXPECT_EQ(gs_domain_destroy(old_), -EBUSY);
  EXPECT_EQ(caught_.count(GS_REPORT_DOMAIN_BUSY), 1u);
  caught_.forget();
  counted c;
  gs_cache_call(s, &c.head, counted::run, nullptr);
  gs_domain_read_lock(old_);
  EXPECT_EQ(gs_read_held(old_), 1);
  gs_domain_read_unlock(old_);
  gs_rcu_barrier(old_);
  EXPECT_EQ(c.ran, 1);
  kmem_cache_destroy(s);
  pass_on();
  expect_untouched();
}

}  // namespace
