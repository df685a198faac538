// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Several threads post; they meet; whoever then returns from the barrier must find everything done.
#include <graceslab/kernel/slab.h>

#include <graceslab/stats.hpp>
#include <optional>

#include "phases.hpp"
#include "rendezvous.hpp"

namespace graceslab::torture {
namespace {

constexpr unsigned posters = 4;
constexpr unsigned posts_at_most = 300;  // more than an array holds

std::uint64_t invoked;  // atomic: callbacks
std::uint64_t unmade;   // atomic: destructors

struct call {
  rcu_head head;
  cache<call>* home;
};
void ran(rcu_head* head) {
  auto* c = reinterpret_cast<call*>(head);
  c->home->release(c);
  gs_fetch_add(&invoked, std::uint64_t{1});
}

struct plain {
  std::uint64_t word[4];
};
struct counted {
  std::uint64_t word[6];
  ~counted() { gs_fetch_add(&unmade, std::uint64_t{1}); }
};

// What is posted, and what then waits for it.
enum class sort {
  callbacks,      // rcu_barrier
  own_callbacks,  // the same in a domain of our own
  plain_all,      // retire, kfree_rcu_barrier
  plain_one,      // retire, the barrier of the cache
  counted_all,    // the same with destructors
  counted_one,
  covered,  // approach A2: rcu_barrier of a domain that covers retired memory
  drained,  // callbacks and retired memory of our own domain, drain
};
constexpr unsigned sorts = 8;
constexpr const char* sort_names[sorts] = {"rcu_barrier",
                                           "rcu_barrier of a domain",
                                           "kfree_rcu_barrier",
                                           "barrier of a cache",
                                           "kfree_rcu_barrier with destructors",
                                           "barrier of a cache with destructors",
                                           "rcu_barrier that covers retired memory",
                                           "drain"};

class barrier_phase : public phase {
 public:
  explicit barrier_phase(session& s)
      : group_(s, posters), own_({.name = "torture.barrier", .barrier_covers_retire = true}) {
    for (unsigned i = 0; i != posters; ++i)
      s.add_worker("poster", [this, leader = i == 0](worker& w) { return round(w, leader); });
  }

 private:
  bool round(worker& w, bool leader) {
    if (leader) {
      what_ = static_cast<sort>(w.plan.below(sorts));
      all_wait_ = w.plan.one_in(2);
    }
    unsigned n = w.plan.one_in(4) ? w.plan.below(4) : w.plan.below(posts_at_most);
    w.doing("meeting");
    group_.meet();
    w.doing("posting");
    post(w, n);
    w.doing("meeting");
    group_.meet();
    if (leader || all_wait_)
      wait_and_check(w, sort_names[static_cast<unsigned>(what_)]);
    else
      linger(w);
    w.doing("meeting");
    return group_.next_round();
  }

  void post(worker& w, unsigned n) {
    bool inside = w.noise.one_in(4);
    rcu_domain& d = domain();
    {
      keeps_errno keep(w.all, "posting");
      if (inside) d.lock();
      for (unsigned i = 0; i != n; ++i) post_one(w, i);
      if (inside) d.unlock();
    }
    gs_fetch_add(&posted_, std::uint64_t{n});
  }

  void post_one(worker& w, unsigned i) {
    switch (what_) {
      case sort::drained:
        if (i % 2 != 0) return counted_own_.retire(counted_own_.make());
        [[fallthrough]];
      case sort::callbacks:
      case sort::own_callbacks: {
        call* c = calls_.make();
        c->home = &calls_;
        auto post = w.noise.one_in(8) ? gs_call_rcu_hurry : gs_call_rcu;
        return post(domain().native_handle(), &c->head, ran, gs_this_module());
      }
      case sort::plain_all:
      case sort::plain_one:
        return plain_.retire(plain_.make());
      case sort::counted_all:
      case sort::counted_one:
        return counted_.retire(counted_.make());
      case sort::covered:
        return counted_own_.retire(counted_own_.make());
    }
  }

  // The domain of this round's posts.
  rcu_domain& domain() {
    bool ours = what_ == sort::own_callbacks || what_ == sort::covered || what_ == sort::drained;
    return ours ? own_ : rcu_default_domain();
  }

  bool wait() {
    switch (what_) {
      case sort::callbacks:
        return graceslab::rcu_barrier(), true;
      case sort::own_callbacks:
      case sort::covered:
        return graceslab::rcu_barrier(own_), true;
      case sort::plain_all:
      case sort::counted_all:
        return kfree_rcu_barrier(), true;
      case sort::plain_one:
        return plain_.barrier() == errc::ok;
      case sort::counted_one:
        return counted_.barrier() == errc::ok;
      case sort::drained:
        return own_.drain() == errc::ok;
    }
    return true;
  }

  void wait_and_check(worker& w, const char* name) {
    w.doing(name);
    w.count(name);
    if (!wait()) w.all.fail(trouble::result, "{} was refused", name);
    std::uint64_t posted = gs_load_acquire(&posted_);
    if (what_ == sort::plain_all || what_ == sort::plain_one) return check_plain(w, name);
    std::uint64_t done = gs_load_acquire(&invoked) + gs_load_acquire(&unmade) + checked_plain_;
    if (done != posted)
      w.all.fail(trouble::barrier, "{}: {} were posted, {} done when it returned", name, posted,
                 done);
  }

  // No code runs for these: the library's counts are all there is to see.
  void check_plain(worker& w, const char* name) {
    cache_stats s = stats(plain_);
    if (s.reclaimed != s.retired)
      w.all.fail(trouble::barrier, "{}: {} were retired, {} reclaimed when it returned", name,
                 s.retired, s.reclaimed);
    std::uint64_t ours =
        gs_load_acquire(&posted_) - gs_load_acquire(&invoked) - gs_load_acquire(&unmade);
    if (s.retired != ours)
      w.all.fail(trouble::count, "{}: {} retired, the library counts {}", name, ours, s.retired);
    if (s.live != 0) w.all.fail(trouble::count, "{}: {} objects left", name, s.live);
    gs_store_relaxed(&checked_plain_, ours);
  }

  // Readers that the barrier has to wait for, or not.
  void linger(worker& w) {
    rcu_reader section(domain());
    w.doing("a section beside a barrier");
    w.pause();
  }

  rendezvous group_;
  rcu_domain own_;
  cache<call> calls_{"torture.calls"};
  cache<plain> plain_{"torture.plain"};
  cache<counted> counted_{"torture.counted"};
  cache<counted> counted_own_{"torture.counted.own", {.domain = &own_}};
  sort what_ = sort::callbacks;
  bool all_wait_ = false;
  std::uint64_t posted_ = 0;         // atomic: everything since the start
  std::uint64_t checked_plain_ = 0;  // of it, plain objects; atomic
};

}  // namespace

std::unique_ptr<phase> make_barriers(session& s) { return std::make_unique<barrier_phase>(s); }

}  // namespace graceslab::torture
