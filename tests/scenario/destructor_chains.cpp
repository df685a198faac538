// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Destructors that retire objects of their own cache. Whatever waits for retires follows such a
// chain to its end, at the price of a grace period a link; one that has no end is named, and not
// waited for.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <graceslab/cache.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <memory>
#include <optional>

#include "watched.hpp"

namespace {

using namespace watched;
using graceslab::destroy_policy;
using graceslab::errc;

struct node {
  std::function<void(node*)> last_act;  // of the destructor
  std::vector<node*> next;
  ~node();
};
std::atomic<long> destroyed;
graceslab::cache<node>* nodes;

node::~node() {
  ++destroyed;
  if (last_act) last_act(this);
  for (node* n : next) nodes->retire(n);
}

class DestructorChain : public testing::Test {
 protected:
  void SetUp() override {
    destroyed = 0;
    open();
  }
  void TearDown() override {
    end();
    EXPECT_EQ(caught.total(), expected_reports) << caught.everything();
  }
  void open(unsigned flags = 0) {
    end();
    graceslab::cache<node>::options o;
    o.flags = flags;
    cache.emplace("nodes", o);
    nodes = &*cache;
  }
  void end() { cache.reset(); }
  node* chain(long links) {
    node* head = nullptr;
    for (long i = 0; i != links; ++i) {
      node* n = nodes->make();
      if (head != nullptr) n->next.push_back(head);
      head = n;
    }
    return head;
  }
  node* tree(int children, int depth) {
    node* n = nodes->make();
    for (int i = 0; depth != 0 && i != children; ++i) n->next.push_back(tree(children, depth - 1));
    return n;
  }

  reports caught;
  std::size_t expected_reports = 0;
  std::optional<graceslab::cache<node>> cache;
};

TEST_F(DestructorChain, A8_the_end_of_the_object_follows_it) {
  nodes->retire(chain(2000));
  end();
  EXPECT_EQ(destroyed, 2000);
}

TEST_F(DestructorChain, A8_a_destroy_that_waits_follows_it) {
  nodes->retire(chain(2000));
  EXPECT_EQ(nodes->destroy().code, errc::ok);
  EXPECT_EQ(destroyed, 2000);
}

TEST_F(DestructorChain, A8_K4_destructors_retire_by_the_pointer_alone) {
  node* head = nullptr;
  for (int i = 0; i != 2000; ++i) {
    node* n = nodes->make();
    if (head != nullptr) n->last_act = [head](node*) { gs_retire(head); };
    head = n;
  }
  nodes->retire(head);
  EXPECT_EQ(nodes->destroy().code, errc::ok);
  EXPECT_EQ(destroyed, 2000);
}

TEST_F(DestructorChain, A7_a_barrier_follows_it) {
  node* live = nodes->make();
  nodes->retire(chain(2000));
  EXPECT_EQ(nodes->barrier(), errc::ok);
  EXPECT_EQ(destroyed, 2000);
  nodes->release(live);
}

TEST_F(DestructorChain, A3_the_global_barrier_follows_it) {
  nodes->retire(chain(500));
  kfree_rcu_barrier();
  EXPECT_EQ(destroyed, 500);
}

TEST_F(DestructorChain, I3_a_drain_follows_it) {
  nodes->retire(chain(2000));
  EXPECT_EQ(graceslab::rcu_default_domain().drain(), errc::ok);
  EXPECT_EQ(destroyed, 2000);
}

TEST_F(DestructorChain, A8_trees_are_followed) {
  nodes->retire(tree(100, 2));  // more than an array at once
  EXPECT_EQ(nodes->destroy().code, errc::ok);
  EXPECT_EQ(destroyed, 1 + 100 + 100 * 100);
}

TEST_F(DestructorChain, A7_A8_of_a_debug_cache_too) {
  open(SLAB_POISON | SLAB_CONSISTENCY_CHECKS);
  nodes->retire(chain(100));
  EXPECT_EQ(nodes->barrier(), errc::ok);
  EXPECT_EQ(destroyed, 100);
  nodes->retire(chain(100));
  EXPECT_EQ(nodes->destroy().code, errc::ok);
  EXPECT_EQ(destroyed, 200);
}

TEST_F(DestructorChain, K1_A7_without_memory_for_arrays_too) {
  node* head = chain(100);
  {
    fault none(GS_FAULT_ARRAY);
    nodes->retire(head);
    EXPECT_EQ(nodes->barrier(), errc::ok);
  }
  EXPECT_EQ(destroyed, 100);
}

TEST_F(DestructorChain, A4_a_long_one_that_lingers_draws_no_leak) {
  expected_reports = 1;  // objects that nobody has retired yet are said at once
  nodes->retire(chain(5000));
  const auto result = nodes->destroy(destroy_policy::linger);
  EXPECT_EQ(caught.count(GS_REPORT_DESTROY_WITH_OBJECTS), 1u);
  EXPECT_EQ(graceslab::destroy_barrier(result.cookie), errc::ok);
  EXPECT_EQ(destroyed, 5000);
}

// Each link takes half as long as objects may be out: none of them is late.
TEST_F(DestructorChain, A4_R14_the_time_of_a_leak_counts_from_the_last_destructor) {
  virtual_clock clock;
  expected_reports = 2;
  constexpr int links = 10;
  node* lost = nodes->make();
  node* head = chain(links);
  for (node* n = head; n != nullptr; n = n->next.empty() ? nullptr : n->next.front())
    n->last_act = [](node*) { virtual_clock::advance(11'000); };
  nodes->retire(head);
  const auto result = nodes->destroy(destroy_policy::linger);
  EXPECT_TRUE(virtual_clock::until([] { return destroyed == links; }));
  EXPECT_EQ(caught.count(GS_REPORT_LEAK), 0u) << caught.everything();
  EXPECT_TRUE(virtual_clock::until([&] { return caught.count(GS_REPORT_LEAK) == 1; }, 1000));
  EXPECT_EQ(graceslab::destroy_barrier(result.cookie), errc::busy);
  nodes->retire(lost);
  EXPECT_TRUE(virtual_clock::until([&] { return is_gone(nodes->native_handle()); }));
}

TEST_F(DestructorChain, A8_destructors_may_make_new_objects_for_a_while) {
  static int more;
  more = 20;
  node* first = nodes->make();
  static std::function<void(node*)> again;
  again = [](node* self) {
    if (--more == 0) return;
    node* fresh = nodes->make();
    fresh->last_act = again;
    self->next.push_back(fresh);
  };
  first->last_act = again;
  nodes->retire(first);
  EXPECT_EQ(nodes->destroy().code, errc::ok);
  EXPECT_EQ(destroyed, 20);
}

// A destructor that always makes and retires another one.
void forever(node* self) {
  node* fresh = nodes->try_make();
  if (fresh == nullptr) return;
  fresh->last_act = forever;
  self->next.push_back(fresh);
}

TEST_F(DestructorChain, I3_A7_an_endless_one_is_named_by_a_barrier_which_ends) {
  expected_reports = 2;
  node* first = nodes->make();
  first->last_act = forever;
  nodes->retire(first);
  EXPECT_EQ(nodes->barrier(), errc::busy);
  EXPECT_EQ(nodes->barrier(), errc::busy);
  ASSERT_EQ(caught.count(GS_REPORT_REARMING_CALLBACK), 1u) << caught.everything();
  EXPECT_CONTAINS(caught.text(GS_REPORT_REARMING_CALLBACK), "cache 'nodes'");
  end();  // takes it its memory, which is said where it asks
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
}

TEST_F(DestructorChain, I3_an_endless_one_is_named_by_a_drain) {
  expected_reports = 3;
  node* first = nodes->make();
  first->last_act = forever;
  nodes->retire(first);
  void* rearming = nullptr;
  EXPECT_EQ(graceslab::rcu_default_domain().drain(0, 0, &rearming), errc::busy);
  EXPECT_NE(rearming, nullptr);
  EXPECT_EQ(caught.count(GS_REPORT_REARMING_CALLBACK), 2u) << caught.everything();
  end();
}

TEST_F(DestructorChain, A8_an_endless_one_ends_with_its_cache) {
  expected_reports = 2;
  node* first = nodes->make();
  first->last_act = forever;
  nodes->retire(first);
  EXPECT_EQ(nodes->destroy().code, errc::ok);
  EXPECT_EQ(caught.count(GS_REPORT_REARMING_CALLBACK), 1u) << caught.everything();
  EXPECT_EQ(caught.count(GS_REPORT_STALE_HANDLE), 1u) << caught.everything();
}

TEST_F(DestructorChain, A8_what_the_chain_does_not_reach_is_reported_when_it_has_ended) {
  expected_reports = 1;
  node* live = nodes->make();
  nodes->retire(chain(100));
  const auto result = nodes->destroy();
  EXPECT_EQ(result.code, errc::busy);
  EXPECT_EQ(destroyed, 100);
  EXPECT_CONTAINS(caught.text(GS_REPORT_DESTROY_WITH_OBJECTS), "1 object allocated and 0 retired");
  nodes->retire(live);
  EXPECT_EQ(graceslab::destroy_barrier(result.cookie), errc::ok);
}

// A7: a barrier waits for what was retired before it and for what comes of that, however many
// others go on retiring chains of their own.
TEST_F(DestructorChain, A7_a_barrier_does_not_follow_those_of_others) {
  constexpr long most = 20'000;  // that others have under way
  std::atomic<bool> over{false};
  std::atomic<long> made{0};
  std::vector<std::thread> others;
  for (int i = 0; i != 2; ++i)
    others.emplace_back([&] {
      for (; !over; std::this_thread::yield())
        if (made - destroyed < most) nodes->retire(chain(3)), made += 3;
    });
  for (int i = 0; i != 30; ++i) {
    static std::atomic<int> left;
    left = 3;
    node* mine = chain(3);
    for (node* n = mine; n != nullptr; n = n->next.empty() ? nullptr : n->next.front())
      n->last_act = [](node*) { --left; };
    nodes->retire(mine);
    EXPECT_EQ(nodes->barrier(), errc::ok);
    EXPECT_EQ(left, 0);
  }
  over = true;
  for (auto& t : others) t.join();
}

// Destructors are the cache's own: its end does not wait for callbacks, nor for a thread to run
// them.
TEST_F(DestructorChain, A8_B5_a_callback_that_blocks_holds_up_no_destroy) {
  static gate blocked, entered;
  static rcu_head head;
  call_rcu_hurry(&head, [](rcu_head*) {
    entered.open();
    blocked.pass();
  });
  entered.pass();
  nodes->retire(chain(10));
  EXPECT_EQ(nodes->destroy().code, errc::ok);
  EXPECT_EQ(destroyed, 10);
  blocked.open();
  rcu_barrier();
}

TEST_F(DestructorChain, A8_R11_a_domain_may_end_right_after_its_cache) {
  for (int i = 0; i != 20; ++i) {
    graceslab::rcu_domain domain({"short"});
    graceslab::cache<node>::options o;
    o.domain = &domain;
    cache.emplace("nodes", o);
    nodes = &*cache;
    nodes->retire(chain(10));
    EXPECT_EQ(nodes->barrier(), errc::ok);
    end();
  }
}

TEST(DestructorChainAlone, A8_I8_without_a_background_thread_too) {
  alone_with({{"GRACESLAB_BACKGROUND", "0"}});
  EXPECT_EXIT(
      {
        std::optional<graceslab::cache<node>> own(std::in_place, "own");
        nodes = &*own;
        for (int i = 0; i != 100; ++i) nodes->retire(nodes->make());
        EXPECT_EQ(nodes->destroy().code, errc::ok);
        EXPECT_EQ(destroyed, 100);
        end_alone();
      },
      testing::ExitedWithCode(0), "");
}

#if !defined(__SANITIZE_THREAD__)  // which cannot follow a fork of many threads
TEST_F(DestructorChain, I8_at_a_fork_it_goes_on_in_both) {
  static std::unique_ptr<held_reader> reader;
  node* head = chain(50);
  head->next.front()->last_act = [](node*) { reader = std::make_unique<held_reader>(); };
  nodes->retire(head);
  std::thread waits([] { EXPECT_EQ(nodes->barrier(), errc::ok); });
  EXPECT_TRUE(eventually([] {
    const gs_cache_stats now = stats_of(nodes->native_handle());
    return now.retired == 3 && now.reclaimed == 2;  // the third waits for that reader
  }));
  const pid_t child = fork();
  if (child == 0) {
    const bool whole = nodes->destroy().code == errc::ok && destroyed == 50;
    _exit(whole && caught.total() == 0 ? 0 : 1);
  }
  reader->leave();
  waits.join();
  reader.reset();
  EXPECT_EQ(destroyed, 50);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}
#endif

}  // namespace
