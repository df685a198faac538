// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The many-caches question: one global barrier and N destroys, or N waits for one cache each?
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "progress.hpp"

namespace graceslab::lab {

struct many_point {
  unsigned caches;
  double global_us;  // kfree_rcu_barrier() + N times kmem_cache_destroy()
  double single_us;  // N times kmem_cache_destroy_wait()
  double async_us;   // N times kmem_cache_destroy_rcu() + kmem_cache_destroy_barrier()
};

struct many_result {
  std::vector<many_point> points;
  // From this N on, the global barrier was faster at every N measured.
  std::optional<unsigned> crossover;
  std::vector<std::string> problems;  // reports of the library; there should be none
};

many_result run_many(progress& show);

}  // namespace graceslab::lab
