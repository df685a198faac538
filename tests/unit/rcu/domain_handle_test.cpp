// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B8: generations of domains and records on loan, where only the inside of the library shows them.
#include <algorithm>

#include "observed.hpp"
#include "rcu/domain.hpp"

using namespace observed;
namespace rcu = graceslab::rcu;

namespace {

gs_domain* make() { return gs_domain_create(nullptr); }

// Creates and destroys; did one of so many have the record?
bool comes_round(const gs_domain* record) {
  constexpr int lives = 400;
  for (int i = 0; i != lives; ++i) {
    gs_domain* d = make();
    EXPECT_EQ(gs_domain_destroy(d), 0);
    if (rcu::record_of(d) == record) return true;
  }
  return false;
}

// The same, and it is left alive.
gs_domain* successor_of(gs_domain* old) {
  gs_domain* record = rcu::record_of(old);
  for (int i = 0; i != 400; ++i) {
    gs_domain* d = make();
    if (rcu::record_of(d) == record) return d;
    EXPECT_EQ(gs_domain_destroy(d), 0);
  }
  return nullptr;
}

}  // namespace

TEST(DomainHandle, B8_each_life_of_a_record_has_a_handle_of_its_own) {
  gs_domain* d = make();
  std::vector<gs_domain*> all{d};
  for (int i = 0; i != 20; ++i) {
    EXPECT_EQ(gs_domain_destroy(d), 0);
    d = successor_of(d);
    ASSERT_NE(d, nullptr);
    EXPECT_EQ(std::find(all.begin(), all.end(), d), all.end());
    all.push_back(d);
  }
  EXPECT_EQ(gs_domain_destroy(d), 0);
}

TEST(DomainHandle, B8_bits_of_the_generation_do_not_meet_the_address) {
  gs_domain* d = make();
  gs_domain* record = rcu::record_of(d);
  const std::uint32_t life = record->generation;
  for (const std::uint32_t g : {511u, 512u, rcu::generations_max - 1}) {
    EXPECT_EQ(gs_domain_destroy(d), 0);
    record->generation = g;
    d = successor_of(d);
    ASSERT_NE(d, nullptr);
    EXPECT_EQ(record->generation, g + 1);
    gs_domain_read_lock(d);
    EXPECT_EQ(gs_read_held(d), 1);
    gs_domain_read_unlock(d);
  }
  record->generation = life;
  EXPECT_EQ(gs_domain_destroy(d), 0);
}

TEST(DomainHandle, B8_a_record_rests_for_good_after_its_last_generation) {
  gs_domain* d = make();
  gs_domain* record = rcu::record_of(d);
  record->generation = rcu::generations_max;
  EXPECT_EQ(gs_domain_destroy(d), 0);
  EXPECT_FALSE(comes_round(record));
}

TEST(DomainHandle, B8_a_record_on_loan_becomes_no_other_domain) {
  gs_domain* d = make();
  gs_domain* record = rcu::record_of(d);
  {
    const rcu::lease lent(rcu::ref_of(d));
    EXPECT_TRUE(lent);
    EXPECT_EQ(gs_domain_destroy(d), 0);  // a call that goes on is not in its way
    EXPECT_FALSE(comes_round(record));
    EXPECT_FALSE(rcu::lease(rcu::ref_of(d)));
  }
  EXPECT_TRUE(comes_round(record));
}

// A thread that has announced itself and not yet looked at the handle again.
TEST(DomainHandle, B8_a_late_step_of_a_reader_does_not_keep_the_later_domain) {
  reports seen;
  gs_domain* old = make();
  gs_domain_read_lock(old);
  gs_domain_read_unlock(old);
  EXPECT_EQ(gs_domain_destroy(old), 0);
  gs_domain* now = successor_of(old);
  ASSERT_NE(now, nullptr);
  rcu::reader_slot* slot = rcu::own_slot(rcu::record_of(old));
  ASSERT_NE(slot, nullptr);
  gs_store_relaxed(&slot->reader.word, std::uint64_t{GS_ENTRY(rcu::newest(rcu::record_of(old)))});
  EXPECT_EQ(gs_domain_destroy(now), 0);
  gs_store_relaxed(&slot->reader.word, std::uint64_t{0});
  EXPECT_EQ(seen.total(), 0u) << seen.everything();
}

// A handler of a thread that was interrupted with the lock of the table.
TEST(DomainHandle, B8_a_stale_section_asks_a_thread_for_no_lock_of_its_own) {
  reports seen;
  gs_domain* d = make();
  EXPECT_EQ(gs_domain_destroy(d), 0);
  rcu::lock_domains();
  gs_domain_read_lock(d);
  gs_domain_read_unlock(d);
  rcu::unlock_domains();
  EXPECT_EQ(seen.count(GS_REPORT_STALE_HANDLE), 2);
}

// Whoever finds the handle gone waits for the destroy to decide.
TEST(DomainHandle, B8_a_call_beside_a_destroy_that_is_refused_goes_on) {
  reports seen;
  domain u("kept");
  std::atomic<int> n{0};
  auto posts = many(200, &n);
  constexpr int attempts = 300;
  std::atomic<int> made{0}, refused{0};
  {
    held_reader reader(u.d);
    std::thread destroyer([&] {
      for (; made != attempts; ++made) refused += gs_domain_destroy(u.d) == -EBUSY;
    });
    for (auto c = posts.begin(); c != posts.end() || made != attempts;) {
      if (c != posts.end()) gs_call_rcu(u.d, &c++->head, count_one, nullptr);
      gs_domain_read_lock(u.d);
      if (gs_read_held(u.d) != 1) break;
      gs_domain_read_unlock(u.d);
      if (gs_gp_poll(u.d, gs_gp_start_poll(u.d))) break;
    }
    destroyer.join();
  }
  EXPECT_EQ(refused, attempts);
  gs_rcu_barrier(u.d);
  EXPECT_EQ(n, 200);
  EXPECT_EQ(seen.count(GS_REPORT_STALE_HANDLE), 0) << seen.everything();
}
