// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Deleters of hazard pointers beside the end of a cache: whose are waited for, whose are not, and
// what they retire in turn. Contract I5, R5.
#include <atomic>
#include <graceslab/rcu.hpp>
#include <graceslab/teardown.hpp>

#include "hazard_nodes.hpp"
#include "setting.hpp"
#include "watched.hpp"

namespace {

using namespace watched;
using namespace hazard_nodes;

// A deleter that waits, of an object of another cache.
class slow_end {
 public:
  slow_end() : object_(new (kmem_cache_alloc(cache_, GFP_KERNEL)) blocker(this)) {
    object_->retire();
    there_.pass();
  }
  ~slow_end() {
    leave_.open();
    EXPECT_EQ(kmem_cache_destroy_wait(cache_), 0);
  }

 private:
  struct blocker;
  struct waits {
    void operator()(blocker* b) const {
      b->from->there_.open();
      b->from->leave_.pass();
      kfree(b);
    }
  };
  struct blocker : graceslab::hazard_pointer_obj_base<blocker, waits> {
    explicit blocker(slow_end* f) : from(f) {}
    slow_end* from;
  };
  gate there_, leave_;
  kmem_cache* cache_ = kmem_cache_create("slow", sizeof(blocker), alignof(blocker), 0, nullptr);
  blocker* object_;
};

// A destroy may hold a lock that the deleters of others take.
TEST(HazardDeleters, I5_a_destroy_waits_for_no_deleter_of_others) {
  reports caught;
  std::atomic<long> ended{0};
  kmem_cache* s = cache_of_nodes("mine");
  {
    slow_end others;
    for (int i = 0; i != 50; ++i) make(s, &ended)->retire();
    EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
    EXPECT_EQ(ended, 50);
  }
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
}

// An object whose deleter runs, or waits for its turn, is not forgotten.
TEST(HazardDeleters, I5_a_destroy_knows_of_deleters_that_have_not_returned) {
  reports caught;
  gate there, leave;
  static gate *at_deleter, *go_on;
  at_deleter = &there;
  go_on = &leave;
  kmem_cache* s = cache_of_nodes("running");
  gs_hazard_retire(
      reinterpret_cast<gs_hazard_head*>(make(s, nullptr)),
      [](rcu_head* head) {
        at_deleter->open();
        go_on->pass();
        kfree(head);
      },
      nullptr);
  there.pass();
  kmem_cache_cookie_t cookie = kmem_cache_destroy_rcu(s);
  EXPECT_FALSE(contains(why(cookie), "never retired")) << why(cookie);
  EXPECT_EQ(caught.total(), 0u) << caught.everything();
  leave.open();
  EXPECT_TRUE(eventually([&] { return contains(why(cookie), "gone"); })) << why(cookie);
}

// A deleter retires the next one of the same cache: the destroy follows the chain, with and without
// workers to run it.
void destroy_a_chain() {
  struct link {
    gs_hazard_head head;
    link* next;
  };
  static void (*const end)(rcu_head*) = [](rcu_head* head) {
    link* next = reinterpret_cast<link*>(head)->next;
    kfree(head);
    if (next != nullptr) gs_hazard_retire(&next->head, end, nullptr);
  };
  reports caught;
  for (const bool waits : {true, false}) {
    kmem_cache* s = kmem_cache_create("chain", sizeof(link), alignof(link), 0, nullptr);
    link* first = nullptr;
    for (int i = 0; i != 5; ++i) first = new (kmem_cache_alloc(s, GFP_KERNEL)) link{{}, first};
    gs_hazard_retire(&first->head, end, nullptr);
    if (waits) {
      EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
      continue;
    }
    caught.forget();
    (void)kmem_cache_destroy_rcu(s);
    EXPECT_EQ(kmem_cache_destroy_barrier(), 0);
    EXPECT_EQ(caught.count(GS_REPORT_LEAK), 0u) << caught.everything();
  }
}

TEST(HazardDeleters, I5_a_destroy_follows_what_deleters_retire) { destroy_a_chain(); }

TEST(HazardDeletersAlone, I5_a_destroy_follows_what_deleters_retire) {
  alone_with({{"GRACESLAB_BACKGROUND", "0"}});
  EXPECT_EXIT(
      {
        destroy_a_chain();
        end_alone();
      },
      testing::ExitedWithCode(0), "");
}

// The deleter is the first call's: the second finds the object retired and touches nothing.
TEST(HazardDeleters, R5_the_deleter_of_a_second_retire_is_not_taken) {
  struct tagged;
  struct tag {
    int number = 0;
    std::atomic<int>* seen = nullptr;
    void operator()(tagged*) const { *seen = number; }
  };
  struct tagged : graceslab::hazard_pointer_obj_base<tagged, tag> {};
  struct tagged_rcu;
  struct rcu_tag {
    int number = 0;
    std::atomic<int>* seen = nullptr;
    void operator()(tagged_rcu*) const { *seen = number; }
  };
  struct tagged_rcu : graceslab::rcu_obj_base<tagged_rcu, rcu_tag> {};
  reports caught;
  std::atomic<int> seen{0}, seen_rcu{0};
  tagged one;
  tagged_rcu two;
  graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
  h.reset_protection(&one);
  one.retire({1, &seen});
  one.retire({2, &seen});
  h.reset_protection();
  {
    graceslab::rcu_reader section;
    two.retire({1, &seen_rcu});
    two.retire({2, &seen_rcu});
  }
  graceslab::hazard_pointer_barrier();
  graceslab::rcu_barrier();
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(seen_rcu, 1);
  EXPECT_EQ(caught.count(GS_REPORT_DOUBLE_CALLBACK), 2u);
}

}  // namespace
