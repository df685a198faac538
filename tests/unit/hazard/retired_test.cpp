// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What was retired waits, and no more of it than docs/ordering/hazard-pointers.md says; who comes
// for it. Contract I7, I8.
#include "hazards.hpp"

using namespace hazards;
using graceslab::hazard::limit_least;

// Claim 7, of one list with one retirer. It is looked at when it has `protected + least + slots /
// 4`; a worker's look at the same time may put what is protected back on top of what came
// meanwhile.
TEST(HazardRetired, I7_one_list_keeps_its_bound) {
  constexpr unsigned kept = 9;
  std::atomic<long> ended{0};
  std::vector<node*> all;
  for (unsigned i = 0; i != kept; ++i) all.push_back(new node(&ended));
  protector p(all);
  for (node* n : all) n->retire();
  const unsigned long bound = 2 * kept + limit_least + slots_in_use() / 4;
  unsigned long most = 0;
  for (int i = 0; i != 20'000; ++i) {
    (new node(&ended))->retire();
    most = std::max(most, graceslab::hazard::count(any));
  }
  EXPECT_LE(most, bound);
  EXPECT_GE(most, limit_least / 2) << "nothing ever waited: the test proves nothing";
  p.leave();
  graceslab::hazard_pointer_barrier();
  EXPECT_EQ(ended, 20'000 + kept);
}

// The same of all lists and several retirers: a scan has what it took in hand while the lists fill
// up again, and each retirer is one object ahead of its list's limit, twice.
TEST(HazardRetired, I7_all_lists_keep_their_bound) {
  constexpr unsigned kept = 4, retirers = 4;
  std::atomic<long> ended{0};
  std::vector<node*> all;
  for (unsigned i = 0; i != kept; ++i) all.push_back(new node(&ended));
  protector p(all);
  for (node* n : all) n->retire();
  const unsigned long slots = slots_in_use(), lists = graceslab::rcu::shard_count();
  const unsigned long bound = 3 * slots + 2 * lists * (limit_least + slots / 4) + 2 * retirers;
  std::atomic<bool> stop{false};
  std::atomic<unsigned long> most{0};
  std::thread watcher([&] {
    while (!stop) most = std::max(most.load(), graceslab::hazard::count(any));
  });
  std::vector<std::thread> threads;
  for (unsigned t = 0; t != retirers; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i != 5000; ++i) (new node(&ended))->retire();
    });
  for (std::thread& t : threads) t.join();
  stop = true;
  watcher.join();
  EXPECT_LE(most, bound);
  p.leave();
  graceslab::hazard_pointer_barrier();
  EXPECT_EQ(ended, retirers * 5000 + kept);
}

// It is in nobody's list but a core's: a worker ends it, and no other call is needed.
TEST(HazardRetired, I7_what_an_ended_thread_retired_is_ended_by_a_worker) {
  std::atomic<long> ended{0};
  auto* n = new node(&ended);
  protector p({n});
  std::thread([n] { n->retire(); }).join();
  EXPECT_EQ(graceslab::hazard::count(any), 1u);
  p.leave();
  EXPECT_TRUE(within(50'000, [&] { return ended == 1; }));
}

// Scans of others take the lists in hand while the worker's poll looks whether they are empty.
TEST(HazardRetired, I7_no_look_is_lost_to_others_that_look) {
  std::atomic<long> ended{0};
  auto* n = new node(&ended);
  protector p({n});
  n->retire();
  std::vector<std::thread> others;
  for (int t = 0; t != 2; ++t)
    others.emplace_back([] {
      for (int i = 0; i != 30000; ++i) (void)graceslab::hazard::scan();
    });
  for (std::thread& t : others) t.join();
  p.leave();
  EXPECT_TRUE(within(50'000, [&] { return ended == 1; }));
}

// Every scan notes some of what is copied meanwhile, and what shares their bits.
TEST(HazardRetired, I7_a_barrier_ends_though_others_copy_and_retire) {
  std::atomic<long> ended{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int t = 0; t != 2; ++t)
    others.emplace_back([&] {
      graceslab::hazard_pointer a = graceslab::make_hazard_pointer(),
                                b = graceslab::make_hazard_pointer();
      while (!stop) {
        auto* n = new node(&ended);
        a.reset_protection(n);
        n->retire();
        for (int i = 0; i != 10; ++i) {
          b.reset_protection(n);
          a.reset_protection();
          swap(a, b);
        }
        a.reset_protection();
      }
    });
  for (int i = 0; i != 20; ++i) {
    auto* mine = new node(&ended);
    mine->retire();
    graceslab::hazard_pointer_barrier();
  }
  stop = true;
  for (std::thread& t : others) t.join();
  graceslab::hazard_pointer_barrier();
  EXPECT_GE(ended, 20);
}

TEST(HazardRetired, a_deleter_may_retire) {
  struct chained : graceslab::hazard_pointer_obj_base<chained, void (*)(chained*)> {
    std::atomic<long>* ended;
    int left;
  };
  static void (*const end)(chained*) = [](chained* c) {
    ++*c->ended;
    if (c->left-- != 0)
      c->retire(end);
    else
      delete c;
  };
  std::atomic<long> ended{0};
  auto* c = new chained;
  c->ended = &ended;
  c->left = 200;
  c->retire(end);
  EXPECT_TRUE(within(50'000, [&] { return ended == 201; }));
}
