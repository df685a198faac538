// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "findings.hpp"

#include <algorithm>
#include <cmath>

namespace graceslab::lab {

double median(std::vector<double> samples) { return percentiles_of(std::move(samples)).p50; }

percentiles percentiles_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  auto at = [&samples](double part) {
    double rank = std::ceil(part * static_cast<double>(samples.size()));
    return samples[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  };
  return {at(0.50), at(0.90), at(0.99), samples.back()};
}

const std::vector<approach_info>& approaches() {
  static const std::vector<approach_info> all = {
      {approach::rcu_barrier, "rcu_barrier", "A1", "call_rcu() only; rcu_barrier(), then destroy"},
      {approach::barrier_covers_retire, "barrier_covers_retire", "A2",
       "rcu_barrier() waits for kfree_rcu() too"},
      {approach::kfree_rcu_barrier, "kfree_rcu_barrier", "A3", "kfree_rcu_barrier(), then destroy"},
      {approach::linger, "linger", "A4", "destroy at once; the cache lingers", false},
      {approach::linger_typesafe, "linger_typesafe", "A5",
       "the same, SLAB_TYPESAFE_BY_RCU, objects freed at once", false},
      {approach::destroy_rcu, "destroy_rcu", "A6", "kmem_cache_destroy_rcu() lingers", false},
      {approach::free_barrier, "free_barrier", "A7", "kmem_cache_free_barrier(), then destroy"},
      {approach::destroy_wait, "destroy_wait", "A8", "kmem_cache_destroy_wait()"},
      {approach::destroy_cookie, "destroy_cookie", "A9",
       "destroy_rcu, then destroy_barrier_one(cookie)"},
      {approach::fully_freed, "fully_freed", "A10",
       "SLAB_DESTROY_ONCE_FULLY_FREED, 1000 records held beyond", false},
  };
  return all;
}

const std::vector<unsafe_info>& unsafe_variants() {
  static const std::vector<unsafe_info> all = {
      {unsafe::no_wait, "no_wait", "unload at once"},
      {unsafe::synchronize_rcu, "synchronize_rcu", "synchronize_rcu() only"},
      {unsafe::synchronize_rcu_three_times, "synchronize_rcu_x3", "three of them in a row"},
      {unsafe::fifo_call_rcu, "fifo_call_rcu", "one more call_rcu() that destroys"},
      {unsafe::leak, "leak", "ten objects never freed"},
      {unsafe::rearm, "rearm", "a callback that re-arms itself for ever"},
      {unsafe::synchronize_rcu_idle, "synchronize_rcu_idle",
       "synchronize_rcu() only, on an idle system"},
  };
  return all;
}

const std::vector<parked_info>& parked_ways() {
  static const std::vector<parked_info> all = {
      {"kfree_rcu", "kfree_rcu(); a reader in a section"},
      {"call_rcu", "call_rcu(), the callback frees; a reader in a section"},
      {"typesafe", "SLAB_TYPESAFE_BY_RCU, freed at once; a reader in a section"},
      {"hazard", "hazard pointers; a reader that protects one object"},
  };
  return all;
}

bool findings::good() const {
  auto kept = [](const approach_result& r) { return r.kept(); };
  auto caught = [](const unsafe_result& r) { return r.caught; };
  auto quiet = [](const auto& question) { return !question || question->problems.empty(); };
  return std::all_of(approaches.begin(), approaches.end(), kept) &&
         std::all_of(unsafe.begin(), unsafe.end(), caught) && quiet(many) && quiet(small) &&
         quiet(one) && quiet(parked) && quiet(chains) && quiet(innocents);
}

}  // namespace graceslab::lab
