// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The module's exit function.
#include <ctime>

#include "end_cache.hpp"
#include "table.hpp"

namespace graceslab::lab::module {
namespace {

std::uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1000000000u + static_cast<std::uint64_t>(t.tv_nsec);
}

// These two wait for callbacks as part of the approach; the others must, before their code goes,
// wait themselves.
bool waits_for_callbacks(approach a) {
  return a == approach::rcu_barrier || a == approach::barrier_covers_retire;
}

std::uint64_t in_flight() {
  gs_cache_stats s = {};
  (void)gs_cache_read_stats(self.cache, &s);
  std::uint64_t callbacks =
      gs_load_acquire(&self.callbacks_posted) - gs_load_acquire(&self.callbacks_ran);
  return s.retired - s.reclaimed + callbacks;
}

}  // namespace

void stop(stop_result* result) {
  *result = {};
  table* t = self.published;
  RCU_INIT_POINTER(self.published, static_cast<table*>(nullptr));
  approach a = self.options.approach;
  // The updaters' callbacks are this module's code. Waiting for them is no part of the approaches
  // that follow.
  if (!waits_for_callbacks(a)) rcu_barrier();
  if (t != nullptr) give_up_all(t);
  result->in_flight = in_flight();
  result->began_ns = now_ns();
  result->code = end_cache(a, self.cache);
  result->destroy_ns = now_ns() - result->began_ns;
  for (const stripe& s : self.stripes) {
    result->handed_over += s.handed_over;
    result->freed_at_once += s.freed_at_once;
  }
}

}  // namespace graceslab::lab::module
