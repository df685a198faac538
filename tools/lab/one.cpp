// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The wait for one cache, beside the wait for all of them.
#include <graceslab/kernel/slab.h>

#include <chrono>
#include <stdexcept>

#include "questions.hpp"
#include "reports.hpp"

namespace graceslab::lab {
namespace {

constexpr unsigned counts[] = {0, 10, 30, 100, 300, 1000};
constexpr unsigned each = 32;  // objects given up in each cache; as many in the one

struct object {
  char payload[48];
  rcu_head head;
};

void give_up(kmem_cache* s) {
  for (unsigned i = 0; i < each; ++i)
    if (object* o = static_cast<object*>(kmem_cache_alloc(s, GFP_KERNEL))) kfree_rcu(o, head);
}

class crowd {
 public:
  explicit crowd(unsigned others) {
    for (unsigned i = 0; i <= others; ++i) {
      kmem_cache* s = kmem_cache_create("lab-one", sizeof(object), 0, 0, nullptr);
      if (s == nullptr) throw std::runtime_error("no memory for another cache");
      all_.push_back(s);
    }
  }
  ~crowd() {
    for (kmem_cache* s : all_) kmem_cache_destroy_rcu(s);
    (void)kmem_cache_destroy_barrier();
  }
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;

  // Everybody gives objects up, the one last; then somebody waits.
  double time_us(void (*wait)(kmem_cache*)) {
    using steady = std::chrono::steady_clock;
    kfree_rcu_barrier();
    for (std::size_t i = all_.size(); i-- > 0;) give_up(all_[i]);
    steady::time_point begin = steady::now();
    wait(all_[0]);
    return std::chrono::duration<double, std::micro>(steady::now() - begin).count();
  }

 private:
  std::vector<kmem_cache*> all_;
};

one_point measure(unsigned others, unsigned repetitions) {
  crowd c(others);
  std::vector<double> one, all;
  for (unsigned i = 0; i < repetitions; ++i) {
    one.push_back(c.time_us([](kmem_cache* s) { (void)kmem_cache_free_barrier(s); }));
    all.push_back(c.time_us([](kmem_cache*) { kfree_rcu_barrier(); }));
  }
  return {others, (others + 1) * each, median(one), median(all)};
}

}  // namespace

one_result run_one(unsigned rounds, progress& show) {
  one_result result;
  report_catcher reports;
  for (unsigned others : counts) {
    show.detail("one of many: {} others", others);
    result.points.push_back(measure(others, 5 + 2 * rounds));
  }
  result.problems = reports.first_few();
  show.step("one of many: measured beside {} to {} others", counts[0],
            counts[std::size(counts) - 1]);
  return result;
}

}  // namespace graceslab::lab
