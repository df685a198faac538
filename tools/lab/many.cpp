// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <graceslab/kernel/slab.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "questions.hpp"
#include "reports.hpp"

namespace graceslab::lab {
namespace {

using steady = std::chrono::steady_clock;

constexpr unsigned counts[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
constexpr unsigned retired_each = 32;
constexpr unsigned least_repetitions = 9, most_repetitions = 51;
constexpr unsigned caches_in_all = 5000;  // about as many for every N, within these limits
constexpr double clearly = 1.05;          // less is noise

struct object {
  char payload[48];
  rcu_head head;
};

using caches = std::vector<kmem_cache*>;

// Every cache has something to wait for, in this thread's arrays, as after an exit function's
// clean-up.
caches make(unsigned n) {
  caches all;
  for (unsigned i = 0; i < n; ++i) {
    kmem_cache* s = kmem_cache_create("lab-many", sizeof(object), 0, 0, nullptr);
    if (s == nullptr) throw std::runtime_error("no memory for another cache");
    all.push_back(s);
  }
  for (kmem_cache* s : all)
    for (unsigned i = 0; i < retired_each; ++i)
      if (object* o = static_cast<object*>(kmem_cache_alloc(s, GFP_KERNEL))) kfree_rcu(o, head);
  return all;
}

void end_globally(const caches& all) {
  kfree_rcu_barrier();
  for (kmem_cache* s : all) kmem_cache_destroy(s);
}

void end_singly(const caches& all) {
  for (kmem_cache* s : all) (void)kmem_cache_destroy_wait(s);
}

void end_asynchronously(const caches& all) {
  for (kmem_cache* s : all) (void)kmem_cache_destroy_rcu(s);
  (void)kmem_cache_destroy_barrier();
}

double time_us(unsigned n, void (*end)(const caches&)) {
  caches all = make(n);
  steady::time_point begin = steady::now();
  end(all);
  return std::chrono::duration<double, std::micro>(steady::now() - begin).count();
}

// The three ways take turns, so that a slow moment of the machine hits them alike.
many_point measure(unsigned n) {
  std::vector<double> global, single, async;
  unsigned repetitions = std::clamp(caches_in_all / n, least_repetitions, most_repetitions);
  for (unsigned i = 0; i < repetitions; ++i) {
    global.push_back(time_us(n, end_globally));
    single.push_back(time_us(n, end_singly));
    async.push_back(time_us(n, end_asynchronously));
  }
  return {n, median(global), median(single), median(async)};
}

}  // namespace

many_result run_many(progress& show) {
  many_result result;
  report_catcher reports;
  for (unsigned n : counts) {
    show.detail("many caches: {}", n);
    result.points.push_back(measure(n));
  }
  for (auto p = result.points.rbegin(); p != result.points.rend(); ++p) {
    if (p->global_us * clearly > p->single_us) break;
    result.crossover = p->caches;
  }
  result.problems = reports.first_few();
  show.step("many caches: 1 to {} measured", counts[std::size(counts) - 1]);
  return result;
}

}  // namespace graceslab::lab
