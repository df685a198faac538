// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The module's exit function, once per approach of the paper: this is what the laboratory compares.
#include <ctime>

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

int end_cache(approach a, kmem_cache* s) {
  switch (a) {
    case approach::rcu_barrier:            // A1: everything was posted by call_rcu()
    case approach::barrier_covers_retire:  // A2: the host has made the barrier cover kfree_rcu()
                                           // too
      rcu_barrier();
      kmem_cache_destroy(s);
      return 0;
    case approach::kfree_rcu_barrier:  // A3
      kfree_rcu_barrier();
      kmem_cache_destroy(s);
      return 0;
    case approach::linger:           // A4
    case approach::linger_typesafe:  // A5
    case approach::fully_freed:      // A10
      kmem_cache_destroy(s);
      return 0;
    case approach::destroy_rcu:  // A6
      kmem_cache_destroy_rcu(s);
      return 0;
    case approach::free_barrier:  // A7
      kmem_cache_free_barrier(s);
      kmem_cache_destroy(s);
      return 0;
    case approach::destroy_wait:  // A8
      return kmem_cache_destroy_wait(s);
    case approach::destroy_cookie:  // A9
      return kmem_cache_destroy_barrier_one(kmem_cache_destroy_rcu(s));
  }
  return -1;
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
