// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ending a cache, once per approach of the paper: this is what the laboratory compares.
#pragma once
#include <graceslab/kernel/rcupdate.h>
#include <graceslab/kernel/slab.h>

#include "abi.hpp"

namespace graceslab::lab {

// What the waiting forms returned; 0 is good.
inline int end_cache(approach a, kmem_cache* s) {
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

}  // namespace graceslab::lab
