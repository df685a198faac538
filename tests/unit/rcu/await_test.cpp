// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// R1, R3, R4 and I8 where a grace period sleeps until a section ends: the section is marked, and
// its end comes out of line.
#include "observed.hpp"
#include "rcu/domain.hpp"

using namespace graceslab;
using namespace observed;

namespace {

// Inside one section of the default domain, on its own thread.
class awaited_reader {
 public:
  awaited_reader() {
    thread_ = std::thread([this] {
      rcu_read_lock();
      slot_ = rcu::own_slot(rcu::default_domain());
      inside_.open();
      go_on_.pass();
      if (what_) what_();
      if (!leaves_) return;
      rcu_read_unlock();
      EXPECT_EQ(word(), 0u);
    });
    inside_.pass();
    wait_ = std::make_unique<aside>([] { synchronize_rcu(); });
  }
  bool is_awaited() {
    return within(20'000, [&] { return rcu::is_awaited(gs_load_relaxed(&slot_->reader.word)); });
  }
  // Runs this in the section, then leaves.
  void end(std::function<void()> what, bool leaves = true) {
    what_ = std::move(what);
    leaves_ = leaves;
    go_on_.open();
    thread_.join();
  }
  aside& wait() { return *wait_; }
  std::uint64_t word() { return gs_load_relaxed(&slot_->reader.word); }

 private:
  rcu::reader_slot* slot_ = nullptr;
  gate inside_, go_on_;
  std::function<void()> what_;
  bool leaves_ = true;
  std::thread thread_;
  std::unique_ptr<aside> wait_;
};

}  // namespace

TEST(Await, R1_the_end_of_an_awaited_section_ends_the_wait) {
  awaited_reader reader;
  ASSERT_TRUE(reader.is_awaited());
  EXPECT_FALSE(reader.wait().done_within(20));
  reader.end({});
  EXPECT_TRUE(reader.wait().done_within(20'000));
}

TEST(Await, R1_an_awaited_section_ends_with_its_outermost_level) {
  awaited_reader reader;
  ASSERT_TRUE(reader.is_awaited());
  reader.end([&] {
    rcu_read_lock();
    rcu_read_lock();
    EXPECT_EQ(rcu::reader_nesting(rcu::default_domain()), 3u);
    EXPECT_TRUE(rcu_read_lock_held());
    rcu_read_unlock();
    EXPECT_EQ(rcu::reader_nesting(rcu::default_domain()), 2u);
    rcu_read_unlock();
    EXPECT_FALSE(reader.wait().done_within(20));
    EXPECT_EQ(rcu::reader_nesting(rcu::default_domain()), 1u);
  });
  EXPECT_TRUE(reader.wait().done_within(20'000));
}

TEST(Await, R3_an_awaited_section_has_as_many_levels_as_any_other) {
  reports seen;
  awaited_reader reader;
  ASSERT_TRUE(reader.is_awaited());
  reader.end([&] {
    for (unsigned i = 1; i < GS_NEST_MASK; ++i) rcu_read_lock();
    EXPECT_EQ(seen.count(GS_REPORT_NESTING_OVERFLOW), 0);
    rcu_read_lock();
    EXPECT_EQ(seen.count(GS_REPORT_NESTING_OVERFLOW), 1);
    for (unsigned i = 0; i < GS_NEST_MASK; ++i) rcu_read_unlock();
    EXPECT_EQ(rcu::reader_nesting(rcu::default_domain()), 1u);
  });
  EXPECT_TRUE(reader.wait().done_within(20'000));
}

TEST(Await, R4_a_thread_that_ends_in_an_awaited_section_ends_the_wait) {
  reports seen;
  awaited_reader reader;
  ASSERT_TRUE(reader.is_awaited());
  reader.end([] { rcu_read_lock(); }, false);
  EXPECT_TRUE(reader.wait().done_within(20'000));
  EXPECT_EQ(seen.count(GS_REPORT_THREAD_ENDED_IN_READER), 1);
}

// The first wait sleeps for the old section. The second one's grace period begins all the same, so
// that it does not wait for what comes after.
TEST(Await, R1_a_second_wait_is_not_for_sections_that_began_after_it) {
  awaited_reader first;
  ASSERT_TRUE(first.is_awaited());
  gs_domain* d = rcu::default_domain();
  const std::uint64_t before = rcu::newest(d);
  aside second([] { synchronize_rcu(); });
  ASSERT_TRUE(within(20'000, [&] {
    sync::lock_guard begun(d->gp_lock);
    return rcu::newest(d) > before;
  }));
  held_reader later;
  EXPECT_FALSE(second.done_within(20));
  first.end({});
  EXPECT_TRUE(first.wait().done_within(20'000));
  EXPECT_TRUE(second.done_within(20'000));
  later.leave();
}

TEST(Await, I8_the_child_of_an_awaited_section_goes_on) {
  awaited_reader reader;
  ASSERT_TRUE(reader.is_awaited());
  reader.end([] {
    const pid_t child = fork();
    if (child == 0) {
      rcu_read_unlock();
      synchronize_rcu();
      _exit(rcu_read_lock_held() ? 1 : 0);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  });
  EXPECT_TRUE(reader.wait().done_within(20'000));
}
