// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I4: owner tokens. Real shared objects are in tests/scenario.
#include "rcu/owner.hpp"

#include "observed.hpp"
#include "rcu/rcu.hpp"
#include "rcu/settle.hpp"

using namespace observed;

namespace {

struct owner {
  owner() : o(gs_owner_create("mine")) {}
  ~owner() { gs_owner_destroy(o); }
  gs_owner* o;
};

void post(task& t, gs_owner* o, gs_domain* d = nullptr) { gs_call_rcu(d, &t.head, task::run, o); }

}  // namespace

TEST(Owner, I4_settle_waits_for_queued_and_running_callbacks) {
  owner mine;
  std::atomic<int> n{0};
  std::vector<task> all(500);
  domain u("second");
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].what = [&] { ++n; };
    post(all[i], mine.o, i % 2 ? u.d : nullptr);
  }
  EXPECT_EQ(gs_owner_settle(mine.o), 0u);
  EXPECT_EQ(n.load(), 500);

  gate inside, leave;
  task slow{{}, [&] {
              inside.open();
              leave.pass();
            }};
  gs_call_rcu_hurry(nullptr, &slow.head, task::run, mine.o);
  inside.pass();
  aside settle([&] { gs_owner_settle(mine.o); });
  EXPECT_FALSE(settle.done_within(50));
  leave.open();
  EXPECT_TRUE(settle.done_within(5000));
  rcu_barrier();
}

TEST(Owner, I4_settle_returns_at_once_when_nothing_is_pending) {
  owner mine;
  held_reader reader;
  aside settle([&] { gs_owner_settle(mine.o); });
  EXPECT_TRUE(settle.done_within(5000));
}

// A blocking callback of somebody else is ahead in every queue.
TEST(Owner, I4_settle_does_not_wait_for_other_owners) {
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "1");
  owner mine, other;
  gate inside, leave;
  std::vector<task> blocking(2);
  for (auto& t : blocking) {
    t.what = [&] {
      inside.open();
      leave.pass();
    };
    post(t, other.o);
  }
  inside.pass();
  std::atomic<int> n{0};
  std::vector<task> all(800);
  for (auto& t : all) {
    t.what = [&] { ++n; };
    post(t, mine.o);
  }
  aside settle([&] { EXPECT_EQ(gs_owner_settle(mine.o), 0u); });
  EXPECT_TRUE(settle.done_within(5000));
  EXPECT_EQ(n.load(), 800);
  leave.open();
  rcu_barrier();
  gs_config_set("GRACESLAB_CALLBACK_WORKERS", "4");
}

TEST(Owner, I4_linked_callbacks_may_be_anybodys) {
  owner mine;
  std::atomic<int> n{0};
  std::vector<task> all(300);
  {
    fault no_arrays(GS_FAULT_ARRAY);
    for (auto& t : all) {
      t.what = [&] { ++n; };
      post(t, mine.o);
    }
    EXPECT_EQ(gs_owner_settle(mine.o), 0u);
  }
  EXPECT_EQ(n.load(), 300);
}

TEST(Owner, I4_finite_chains_are_waited_for) {
  reports seen;
  owner mine;
  std::atomic<int> n{0};
  task chain;
  chain.what = [&] {
    if (++n < 5) post(chain, mine.o);
  };
  post(chain, mine.o);
  EXPECT_EQ(gs_owner_settle(mine.o), 0u);
  EXPECT_EQ(n.load(), 5);
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
}

TEST(Owner, I4_rearming_callback_is_refused_and_reported) {
  reports seen;
  owner mine;
  std::atomic<int> n{0};
  task again;
  again.what = [&] {
    ++n;
    post(again, mine.o);
  };
  post(again, mine.o);
  aside settle([&] { EXPECT_GE(gs_owner_settle(mine.o), 1u); });
  ASSERT_TRUE(settle.done_within(10'000));
  EXPECT_GE(seen.count(GS_REPORT_REARMING_CALLBACK), 1);
  const int after = n;
  pause_ms(50);
  EXPECT_EQ(n.load(), after);
  task later{{}, [&] { n = -1; }};  // settled, not destroyed: it may post again
  post(later, mine.o);
  rcu_barrier();
  EXPECT_EQ(n.load(), -1);
}

// Two callbacks hand over to each other, so that one of them runs at every moment: settling waits
// for the invocations that it saw, not for a moment without any.
TEST(Owner, I4_I3_callbacks_that_take_turns_do_not_keep_settle_up) {
  reports seen;
  owner mine;
  std::atomic<bool> stop{false};
  std::atomic<int> begun[2] = {0, 0};
  task turns[2];
  for (int me : {0, 1})
    turns[me].what = [&, me] {
      const int mine_now = ++begun[me];
      if (!stop) gs_call_rcu_hurry(nullptr, &turns[me].head, task::run, mine.o);
      const auto handed_over = [&] {
        return stop || begun[1 - me] >= mine_now + me || seen.count(GS_REPORT_REARMING_CALLBACK);
      };
      EXPECT_TRUE(within(60'000, handed_over));
    };
  for (task& t : turns) gs_call_rcu_hurry(nullptr, &t.head, task::run, mine.o);
  EXPECT_TRUE(within(60'000, [&] { return begun[1] > 1; }));
  aside settle([&] { EXPECT_EQ(gs_owner_settle(mine.o), 2u); });
  EXPECT_TRUE(settle.done_within(50'000));
  stop = true;
  const int after = begun[0] + begun[1];
  rcu_barrier();
  EXPECT_EQ(begun[0] + begun[1], after);
}

// B7, G4: whoever is waited for is named, and the wait goes on.
TEST(Owner, B7_I4_a_callback_that_settle_waits_for_is_named) {
  reports seen;
  gs_config_set("GRACESLAB_STALL_MS", "20");
  owner mine;
  gate inside, leave;
  task stuck{{}, [&] {
               inside.open();
               leave.pass();
             }};
  gs_call_rcu_hurry(nullptr, &stuck.head, task::run, mine.o);
  inside.pass();
  aside settle([&] { gs_owner_settle(mine.o); });
  const auto named = [&] {
    return seen.text(GS_REPORT_STALL).find("settling mine waits for it") != std::string::npos;
  };
  EXPECT_TRUE(within(60'000, named)) << seen.everything();
  EXPECT_FALSE(settle.done_within(0));
  leave.open();
  EXPECT_TRUE(settle.done_within(60'000));
  gs_config_set("GRACESLAB_STALL_MS", "21000");
}

TEST(Owner, I4_settle_inside_its_own_callback_does_not_hang) {
  reports seen;
  owner mine;
  std::atomic<bool> out{false};
  task t{{}, [&] {
           gs_owner_settle(mine.o);
           out = true;
         }};
  post(t, mine.o);
  EXPECT_TRUE(within(10'000, [&] { return out.load(); }));
  EXPECT_GE(seen.count(GS_REPORT_WAIT_IN_CALLBACK), 1);
  rcu_barrier();
}

TEST(Owner, I4_settle_inside_a_reader_takes_callbacks_out_and_reports) {
  reports seen;
  owner mine;
  std::atomic<int> n{0}, others{0};
  task t{{}, [&] { ++n; }}, other{{}, [&] { ++others; }};
  rcu_read_lock();
  post(t, mine.o);
  post(other, nullptr);
  EXPECT_EQ(gs_owner_settle(mine.o), 1u);
  rcu_read_unlock();
  EXPECT_EQ(seen.count(GS_REPORT_SYNCHRONIZE_IN_READER), 1);
  rcu_barrier();
  EXPECT_EQ(n.load(), 0);
  EXPECT_EQ(others.load(), 1);
}

TEST(Owner, I4_stale_owner_is_reported) {
  reports seen;
  gs_owner* o = gs_owner_create("old");
  gs_owner_destroy(o);
  EXPECT_EQ(gs_owner_settle(o), 0u);
  EXPECT_EQ(seen.count(GS_REPORT_STALE_HANDLE), 1);
  gs_owner_destroy(nullptr);
}

TEST(Owner, I4_owner_code_outside_the_queues_is_seen) {
  owner mine;
  gate inside, leave;
  std::thread harvest([&] {
    graceslab::rcu::owner_code running(graceslab::rcu::default_domain(), mine.o, nullptr);
    inside.open();
    leave.pass();
  });
  inside.pass();
  EXPECT_FALSE(graceslab::rcu::in_callback());
  leave.open();
  harvest.join();
  gate inside2, leave2;
  std::thread destructor([&] {
    graceslab::rcu::owner_code running(graceslab::rcu::default_domain(), mine.o,
                                       reinterpret_cast<void*>(&post));
    EXPECT_TRUE(graceslab::rcu::in_callback());
    inside2.open();
    leave2.pass();
  });
  inside2.pass();
  aside settle([&] { gs_owner_settle(mine.o); });
  EXPECT_FALSE(settle.done_within(50));
  leave2.open();
  EXPECT_TRUE(settle.done_within(5000));
  destructor.join();
}

TEST(Owner, I4_layout_mismatch_is_reported) {
  reports seen;
  static int somebody;
  gs_owner_attach(&somebody, GS_LAYOUT_VERSION + 1);
  EXPECT_EQ(seen.count(GS_REPORT_LAYOUT_MISMATCH), 1);
}
