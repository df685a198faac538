// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Hazard pointers over objects of caches: what is protected stays, all else ends, and a cache that
// is destroyed meanwhile waits for the last protector, by itself, and can say who it is.
// Contract I3, I4, I5, I7, I8, R4, R5.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <graceslab/hazard_pointer.hpp>
#include <graceslab/teardown.hpp>

#include "child_process.hpp"
#include "hazard_nodes.hpp"
#include "setting.hpp"
#include "watched.hpp"

namespace {

using namespace watched;
using namespace hazard_nodes;

// A thread that protects what `src` points at until it is told to let go.
class protector {
 public:
  explicit protector(const std::atomic<node*>& src)
      : thread_([this, &src] {
          graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
          node* n = h.protect(src);
          tid = gettid();
          there_.open();
          leave_.pass();
          good = n->state == alive;
        }) {
    there_.pass();
  }
  ~protector() { leave(); }
  void leave() {
    leave_.open();
    if (thread_.joinable()) thread_.join();
  }
  int tid = 0;
  bool good = false;

 private:
  gate there_, leave_;
  std::thread thread_;
};

TEST(HazardPointers, R4_what_is_protected_stays_and_all_else_ends) {
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("protected");
  std::atomic<node*> kept = make(s, &ended);
  protector p(kept);
  kept.exchange(nullptr)->retire();
  for (int i = 0; i != 500; ++i) make(s, &ended)->retire();
  graceslab::hazard_pointer_barrier();
  EXPECT_EQ(ended, 500);
  p.leave();
  EXPECT_TRUE(p.good);
  graceslab::hazard_pointer_barrier();
  EXPECT_EQ(ended, 501);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// One retirer and one slot in use: its list is looked at when it has the protected object and 64
// more, and a worker that looks meanwhile may put the protected one back on top. Whoever finds it
// full ends twice as many of what was found, by a worker too. (tests/unit/hazard has the list
// alone.)
TEST(HazardPointers, what_waits_is_bounded_though_a_reader_stays) {
  constexpr long list = 1 + 1 + 64 + 1 / 4;
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("bounded");
  std::atomic<node*> kept = make(s, &ended);
  protector p(kept);
  gate inside, leave;
  std::thread reader([&] {
    graceslab::rcu_reader section;
    inside.open();
    leave.pass();
  });
  inside.pass();
  long retired = 0, most = 0;
  for (; retired != 20'000; ++retired) {
    make(s, &ended)->retire();
    most = std::max(most, retired + 1 - ended);
  }
  EXPECT_LE(most, 8 * list);
  leave.open();
  reader.join();
  kept.exchange(nullptr)->retire();
  p.leave();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(HazardPointers, R5_retiring_twice_is_reported_and_dropped) {
  reports caught;
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("twice");
  std::atomic<node*> kept = make(s, &ended);
  protector p(kept);
  node* n = kept.exchange(nullptr);
  n->retire();
  n->retire();
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_CALLBACK), 1u);
  p.leave();
  graceslab::hazard_pointer_barrier();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// Nobody retires, waits or looks any more: a worker does.
TEST(HazardPointers, I5_a_lingering_cache_ends_by_itself) {
  reports caught;
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("lingering");
  std::atomic<node*> kept = make(s, &ended);
  protector p(kept);
  kept.exchange(nullptr)->retire();
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_CONTAINS(why(cookie), "retired and protected");
  EXPECT_CONTAINS(why(cookie), "thread " + std::to_string(p.tid));
  EXPECT_FALSE(contains(why(cookie), "never retired")) << why(cookie);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  p.leave();
  EXPECT_TRUE(eventually([&] { return contains(why(cookie), "gone"); })) << why(cookie);
  EXPECT_TRUE(p.good);
  EXPECT_EQ(caught.count(GS_REPORT_LATE_FREE), 0u) << caught.everything();
}

TEST(HazardPointers, I5_a_destroy_that_waits_names_the_protector_and_waits_for_it) {
  reports caught;
  setting stall("GRACESLAB_STALL_MS", "20", "21000");
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("waiting");
  std::atomic<node*> kept = make(s, &ended);
  protector p(kept);
  kept.exchange(nullptr)->retire();
  std::atomic<int> result{1};
  std::thread destroyer([&] { result = kmem_cache_destroy_wait(s); });
  EXPECT_TRUE(eventually([&] {
    return contains(caught.text(GS_REPORT_STALL), "the destroy of cache 'waiting'");
  })) << caught.everything();
  EXPECT_CONTAINS(caught.text(GS_REPORT_STALL), "thread " + std::to_string(p.tid));
  EXPECT_EQ(result, 1);
  p.leave();
  destroyer.join();
  EXPECT_EQ(result, 0);
  EXPECT_EQ(ended, 1);
}

TEST(HazardPointers, I5_a_destroy_does_not_wait_for_its_own_thread) {
  reports caught;
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("own");
  std::atomic<node*> kept = make(s, &ended);
  graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
  (void)h.protect(kept);
  kept.exchange(nullptr)->retire();
  EXPECT_EQ(kmem_cache_destroy_wait(s), -EBUSY);
  EXPECT_CONTAINS(caught.text(GS_REPORT_STALL), "which calls it");
  h.reset_protection();
  EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
  EXPECT_EQ(ended, 1);
}

TEST(HazardPointers, R5_a_barrier_in_a_section_is_reported_and_does_not_wait) {
  reports caught;
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("in-section");
  {
    graceslab::rcu_reader section;
    make(s, &ended)->retire();
    graceslab::hazard_pointer_barrier();
  }
  EXPECT_EQ(caught.count(GS_REPORT_BARRIER_IN_READER), 1u);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

void run_node(rcu_head* head) { to_its_cache{}(reinterpret_cast<node*>(head)); }

TEST(HazardPointers, I4_an_owner_is_settled_when_its_protectors_let_go) {
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("owned");
  gs_owner* owner = gs_owner_create("mine");
  std::atomic<node*> kept = make(s, &ended);
  protector p(kept);
  gs_hazard_retire(reinterpret_cast<gs_hazard_head*>(kept.exchange(nullptr)), run_node, owner);
  gs_hazard_retire(reinterpret_cast<gs_hazard_head*>(make(s, &ended)), run_node, owner);
  std::atomic<bool> settled{false};
  std::thread settler([&] {
    EXPECT_EQ(gs_owner_settle(owner), 0u);
    settled = true;
  });
  EXPECT_TRUE(eventually([&] { return ended == 1; }));
  EXPECT_FALSE(settled);
  p.leave();
  settler.join();
  EXPECT_EQ(ended, 2);
  gs_owner_destroy(owner);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(HazardPointers, I8_a_forked_child_has_its_own_protection_alone) {
  if (with_tsan) GTEST_SKIP() << "the sanitizer refuses threads after a fork";
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("forked");
  std::atomic<node*> theirs = make(s, &ended), ours = make(s, &ended);
  protector p(theirs);
  graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
  node* mine = h.protect(ours);
  theirs.exchange(nullptr)->retire();
  ours.exchange(nullptr)->retire();
  const pid_t child = fork();
  if (child == 0) {
    graceslab::hazard_pointer_barrier();
    if (ended != 1 || mine->state != alive) _exit(1);
    h.reset_protection();
    graceslab::hazard_pointer_barrier();
    _exit(ended == 2 ? 0 : 2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  graceslab::hazard_pointer_barrier();
  EXPECT_EQ(ended, 0);
  p.leave();
  EXPECT_TRUE(p.good);
  h.reset_protection();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// In the child nobody waits, looks or retires: its own worker comes for what the parent's threads
// protected. What the child's own thread protects holds up the destroy of its cache, and is said.
TEST(HazardPointers, I8_a_forked_child_polls_and_destroys) {
  if (with_tsan) GTEST_SKIP() << "the sanitizer refuses threads after a fork";
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("forked-on");
  std::atomic<node*> theirs = make(s, &ended), ours = make(s, &ended);
  protector p(theirs);
  graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
  node* mine = h.protect(ours);
  theirs.exchange(nullptr)->retire();
  const pid_t child = fork();
  if (child == 0) {
    reports caught;
    make(s, &ended)->retire();
    if (!eventually([&] { return ended == 2; })) _exit(1);
    ours.exchange(nullptr)->retire();
    if (kmem_cache_destroy_wait(s) != -EBUSY || mine->state != alive) _exit(2);
    if (!contains(caught.text(GS_REPORT_STALL), "thread " + std::to_string(gettid()))) _exit(3);
    h.reset_protection();
    if (kmem_cache_destroy_barrier() != 0 || ended != 3) _exit(4);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(ended, 0);
  p.leave();
  EXPECT_TRUE(p.good);
  ours.exchange(nullptr)->retire();
  h.reset_protection();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// The thread that made it has ended; it protects for the one that has it now.
TEST(HazardPointers, R4_I5_moved_protection_outlives_its_first_thread) {
  reports caught;
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("moved");
  std::atomic<node*> source = make(s, &ended);
  graceslab::hazard_pointer kept;
  node* n = nullptr;
  std::thread([&] {
    graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
    n = h.protect(source);
    source.exchange(nullptr)->retire();
    kept = std::move(h);
  }).join();
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_CONTAINS(why(cookie), "retired and protected");
  EXPECT_EQ(n->state, alive);
  kept = graceslab::hazard_pointer();
  EXPECT_TRUE(eventually([&] { return contains(why(cookie), "gone"); })) << why(cookie);
  EXPECT_EQ(ended, 1);
}

// Moved to another thread and ended there, by one that keeps slots and by one that keeps none.
TEST(HazardPointers, R4_move_between_threads) {
  for (int i = 0; i != 300; ++i) {
    graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
    std::thread([moved = std::move(h), i]() mutable {
      if (i % 2 == 0) moved = graceslab::make_hazard_pointer();
    }).join();
  }
}

// Readers that copy protections to and fro, updaters that replace, a scan every few retires.
void race() {
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("racing");
  std::atomic<node*> current = make(s, &ended);
  std::atomic<long> bad{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i != 3; ++i)
    threads.emplace_back([&] {
      graceslab::hazard_pointer a = graceslab::make_hazard_pointer(),
                                b = graceslab::make_hazard_pointer();
      while (!stop) {
        node* n = a.protect(current);
        for (int step = 0; step != 8; ++step) {
          b.reset_protection(n);
          a.reset_protection();
          swap(a, b);
          bad += n->state != alive;
        }
      }
    });
  long made = 1;
  for (int i = 0; i != 2; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n != 4000; ++n) current.exchange(make(s, &ended))->retire();
    });
  for (std::size_t i = 3; i != threads.size(); ++i) threads[i].join();
  stop = true;
  for (std::size_t i = 0; i != 3; ++i) threads[i].join();
  made += 8000;
  EXPECT_EQ(bad, 0);
  current.exchange(nullptr)->retire();
  graceslab::hazard_pointer_barrier();
  EXPECT_EQ(ended, made);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST(HazardPointers, R4_readers_never_meet_what_has_ended) { race(); }

// Where the system has no fence for all, readers fence themselves.
TEST(HazardPointersFenced, R4_readers_never_meet_what_has_ended) {
  alone_with({{"GRACESLAB_FENCE", "reader"}});
  EXPECT_EXIT(
      {
        race();
        end_alone();
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
