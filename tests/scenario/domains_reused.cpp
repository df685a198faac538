// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B8, R11: threads use handles of domains while others destroy these, twice and at once, and new
// domains get the records. Whatever a late step meets there, it never touches a domain whose handle
// nobody but its owner has, and no callback is lost that was not refused.
#include <errno.h>

#include <atomic>
#include <memory>
#include <random>

#include "watched.hpp"

namespace {

using namespace watched;

constexpr std::uint64_t some_limit_bytes = 1 << 20;  // of those that are shared

// What was reported; each thread knows how often it was told that a handle is stale.
thread_local unsigned told_here;
struct reports_counted {
  reports_counted() { gs_report_set_handler(take, this); }
  ~reports_counted() { gs_report_set_handler(nullptr, nullptr); }

  static void take(gs_report kind, const char* text, std::size_t bytes, void* arg) {
    told_here += kind == GS_REPORT_STALE_HANDLE;
    const std::string all(text, bytes);
    const bool expected = kind == GS_REPORT_STALE_HANDLE || kind == GS_REPORT_DOMAIN_BUSY;
    if (expected && !contains(all, "innocent")) return;
    ADD_FAILURE() << all;
    static_cast<reports_counted*>(arg)->bad = true;
  }
  std::atomic<bool> bad{false};
};

gs_domain* make_domain(const char* name) {
  gs_domain_options options = {};
  options.name = name;
  return gs_domain_create(&options);
}

struct counted {
  rcu_head head = {};
  std::atomic<int> ran{0};
  static void run(rcu_head* head) { ++reinterpret_cast<counted*>(head)->ran; }
};

// Whoever uses it meanwhile makes it busy; perhaps somebody else destroyed it first.
void destroy(gs_domain* d) {
  while (gs_domain_destroy(d) == -EBUSY) gs_rcu_barrier(d);
}

// Handles that everybody uses, and that are destroyed as soon as they are replaced.
class shared_handles {
 public:
  shared_handles() {
    for (auto& h : handle_) h = make_domain("shared");
  }
  gs_domain* any(unsigned i) const { return handle_[i % count]; }
  void replace() {
    destroy(handle_[replaced_ % count].exchange(make_domain("shared")));
    ++replaced_;
  }
  unsigned replaced() const { return replaced_; }
  void end() {
    for (auto& h : handle_) destroy(h);
  }

 private:
  static constexpr unsigned count = 3;
  std::atomic<gs_domain*> handle_[count];
  std::atomic<unsigned> replaced_{0};
};

void make_cache_in(gs_domain* d) {
  gs_cache_options options = {};
  options.name = "in shared";
  options.size = 64;
  options.domain = d;
  kmem_cache* s = gs_cache_create(&options);
  if (s == nullptr) return;
  if (void* o = kmem_cache_alloc(s, GFP_KERNEL)) gs_retire(o);
  (void)kmem_cache_destroy_wait(s);
}

// A thread that has handles and does not know that they are destroyed.
class user {
 public:
  user(const shared_handles& shared, unsigned seed) : shared_(shared), random_(seed) {}

  void post(gs_domain* d) {
    posted_.push_back(std::make_unique<counted>());
    const unsigned told = told_here;
    gs_call_rcu(d, &posted_.back()->head, counted::run, nullptr);
    if (told_here != told) ++refused_;
  }
  // One that was not told to be none keeps its domain from ending.
  void section(gs_domain* d) {
    const unsigned told = told_here;
    gs_domain_read_lock(d);
    gs_domain_read_lock(d);
    if (told_here == told) {
      EXPECT_EQ(gs_domain_destroy(d), -EBUSY);
    }
    gs_domain_read_unlock(d);
    gs_domain_read_unlock(d);
  }
  void step() {
    gs_domain* d = shared_.any(random_());
    gs_domain_stats counts;
    switch (random_() >> 8 & 15) {
      case 0:
      case 1:
      case 2:
        return post(d);
      case 3:
      case 4:
      case 5:
        return section(d);
      case 6:
        return gs_synchronize(d);
      case 7:
        return gs_rcu_barrier(d);
      case 8:
        return make_cache_in(d);
      case 9:
        return void(gs_domain_drain(d, 1, 0, nullptr));
      case 10:
        return gs_domain_limit_memory(d, some_limit_bytes);
      case 11:
        return void(gs_barrier_covers_retire(d, 1));
      case 12:
        gs_domain_read_stats(d, &counts);
        return void(gs_gp_poll(d, gs_gp_start_poll(d)));
      case 13:
        return gs_domain_reclaim_now(d);
      case 14:
        return void(gs_domain_close(d));
      default:
        return void(gs_domain_destroy(d));
    }
  }
  void read() { section(shared_.any(random_())); }
  // When all that was posted has been run.
  void expect_nothing_lost() const {
    std::size_t ran = 0;
    for (const auto& c : posted_) {
      EXPECT_LE(c->ran, 1);
      ran += c->ran == 1;
    }
    EXPECT_EQ(ran + refused_, posted_.size());
  }

 private:
  const shared_handles& shared_;
  std::minstd_rand random_;
  std::vector<std::unique_ptr<counted>> posted_;
  std::size_t refused_ = 0;
};

// A domain that nobody else knows: made, used, and destroyed.
void live_a_life() {
  gs_domain* d = make_domain("innocent");
  counted c;
  gs_domain_read_lock(d);
  EXPECT_EQ(gs_read_held(d), 1);
  gs_call_rcu(d, &c.head, counted::run, nullptr);  // refused here if it is closed
  EXPECT_EQ(c.ran, 0);
  gs_domain_read_unlock(d);
  gs_rcu_barrier(d);
  EXPECT_EQ(c.ran, 1);
  EXPECT_EQ(stats_of(d).callbacks_posted, 1u);
  EXPECT_EQ(stats_of(d).retired, 0u);
  gs_memory_use memory;
  gs_domain_read_memory(d, &memory);
  EXPECT_EQ(memory.limit_bytes, 0u);
  EXPECT_EQ(gs_barrier_covers_retire(d, 0), 0);
  EXPECT_EQ(gs_domain_destroy(d), 0);
}

TEST(DomainsReused, B8_R11_no_late_step_touches_a_domain_that_came_after) {
  reports_counted caught;
  constexpr unsigned lives = 300;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  shared_handles shared;
  std::vector<user> users;
  for (unsigned t = 0; t != 4; ++t) users.emplace_back(shared, seed + t);
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (user& u : users)
    others.emplace_back([&] {
      while (!stop) &u == &users[0] ? u.read() : u.step();
    });
  others.emplace_back([&] {
    while (!stop) shared.replace();
  });
  for (unsigned i = 0; (i < lives || shared.replaced() < lives) && !caught.bad; ++i) {
    live_a_life();
    EXPECT_EQ(gs_domain_destroy(make_domain("innocent")), 0);
  }
  stop = true;
  for (std::thread& t : others) t.join();
  shared.end();
  for (const user& u : users) u.expect_nothing_lost();
}

}  // namespace
