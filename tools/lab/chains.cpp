// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Callbacks that post the next one, as where the last reference to a parent drops a child: whoever
// counts rounds has to know how deep it goes.
#include <graceslab/kernel/slab.h>

#include <chrono>
#include <stdexcept>

#include "questions.hpp"
#include "reports.hpp"

namespace graceslab::lab {
namespace {

using steady = std::chrono::steady_clock;

constexpr unsigned depths[] = {0, 1, 2, 4, 8, 16};
constexpr unsigned repetitions = 5;
constexpr std::uint64_t patience_ms = 30000;

double us_since(steady::time_point begin) {
  return std::chrono::duration<double, std::micro>(steady::now() - begin).count();
}

// In a domain of its own, so that grace periods are those of the chain. It stands still until go():
// a lone callback is over in no time.
class chain {
 public:
  explicit chain(unsigned depth) : links_(depth + 1) {
    gs_domain_options d = {"lab-chain", 0, 0, 0};
    domain_ = gs_domain_create(&d);
    gs_cache_options c = {};
    c.name = "lab-chain";
    c.size = sizeof(link);
    c.flags = SLAB_DESTROY_ONCE_FULLY_FREED;  // links that are not posted yet are no mistake
    c.domain = domain_;
    cache_ = domain_ != nullptr ? gs_cache_create(&c) : nullptr;
    if (cache_ == nullptr) throw std::runtime_error("no memory for a domain and a cache");
    link* first = nullptr;
    for (unsigned i = 0; i < links_; ++i) {
      link* l = static_cast<link*>(kmem_cache_alloc(cache_, GFP_KERNEL | __GFP_NOFAIL));
      l->next = first;
      l->of = this;
      first = l;
    }
    gs_domain_read_lock(domain_);
    gs_call_rcu(domain_, &first->head, follow, nullptr);
  }
  ~chain() {
    barrier();  // a callback that has counted itself may still run
    if (cache_ != nullptr) (void)kmem_cache_destroy_wait(cache_);
    (void)gs_domain_destroy(domain_);
  }
  chain(const chain&) = delete;
  chain& operator=(const chain&) = delete;

  void go() { gs_domain_read_unlock(domain_); }
  bool ended() const { return gs_load_acquire(&ran_) == links_; }
  void barrier() { gs_rcu_barrier(domain_); }
  bool drain() { return gs_domain_drain(domain_, 2 * links_ + 2, patience_ms, nullptr) == 0; }
  std::uint64_t grace_periods() const {
    gs_domain_stats s = {};
    gs_domain_read_stats(domain_, &s);
    return s.completed;
  }
  kmem_cache_cookie_t destroy() { return kmem_cache_destroy_rcu(std::exchange(cache_, nullptr)); }

 private:
  struct link {
    rcu_head head;  // first: follow() relies on it
    link* next;
    chain* of;
  };
  static void follow(rcu_head* head) {
    link* l = reinterpret_cast<link*>(head);
    link* next = l->next;
    chain* c = l->of;
    if (next != nullptr) gs_call_rcu(c->domain_, &next->head, follow, nullptr);
    gs_fetch_add(&c->ran_, 1u);
    kfree(l);  // the last one may end the cache
  }
  unsigned links_;
  std::uint32_t ran_ = 0;
  gs_domain* domain_ = nullptr;
  kmem_cache* cache_ = nullptr;
};

struct series {
  std::vector<double> barriers, barriers_us, periods, drain_us, held_us, home_us;
};

void by_barriers(unsigned depth, series& s) {
  chain c(depth);
  steady::time_point begin = steady::now();
  c.go();
  unsigned calls = 0;
  do {
    c.barrier();
    ++calls;
  } while (!c.ended());
  s.barriers_us.push_back(us_since(begin));
  s.barriers.push_back(calls);
}

bool by_drain(unsigned depth, series& s) {
  chain c(depth);
  steady::time_point begin = steady::now();
  std::uint64_t before = c.grace_periods();
  c.go();
  bool good = c.drain() && c.ended();
  s.drain_us.push_back(us_since(begin));
  s.periods.push_back(static_cast<double>(c.grace_periods() - before));
  return good;
}

bool by_lingering(unsigned depth, series& s) {
  chain c(depth);
  steady::time_point begin = steady::now();
  c.go();
  kmem_cache_cookie_t cookie = c.destroy();
  s.held_us.push_back(us_since(begin));
  bool good = kmem_cache_destroy_barrier_one(cookie) == 0 && c.ended();
  s.home_us.push_back(us_since(begin));
  return good;
}

chain_point measure(unsigned depth, std::vector<std::string>& problems) {
  series s;
  bool drained = true, home = true;
  for (unsigned i = 0; i < repetitions; ++i) {
    by_barriers(depth, s);
    drained = by_drain(depth, s) && drained;
    home = by_lingering(depth, s) && home;
  }
  if (!drained) problems.push_back(fmt::format("a chain of depth {} was not drained", depth));
  if (!home) problems.push_back(fmt::format("a chain of depth {} did not come home", depth));
  return {depth,
          static_cast<unsigned>(median(s.barriers)),
          median(s.barriers_us),
          static_cast<std::uint64_t>(median(s.periods)),
          median(s.drain_us),
          median(s.held_us),
          median(s.home_us)};
}

}  // namespace

chains_result run_chains(progress& show) {
  chains_result result;
  report_catcher reports;
  for (unsigned depth : depths) {
    show.detail("chains: depth {}", depth);
    result.points.push_back(measure(depth, result.problems));
  }
  for (std::string& text : reports.first_few()) result.problems.push_back(std::move(text));
  show.step("chains: depth {} to {}", depths[0], depths[std::size(depths) - 1]);
  return result;
}

}  // namespace graceslab::lab
