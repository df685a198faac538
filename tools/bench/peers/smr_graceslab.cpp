// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// graceslab: its C++ face, whose fast paths are inlined, or (BENCH_CALLED) a call into the library
// for each operation under the kernel's names. Readers under the kernel's names are inlined too;
// here the library's own out-of-line twins stand for a program that cannot inline.
#include <graceslab/kernel/slab.h>

#include <graceslab/cache.hpp>

#include "smr_all.hpp"

namespace {

using graceslab::bench::node;
using graceslab::bench::trial;

// `bound` nodes in flight at most, kept by a limit of the cache that makes the retirer wait.
struct common {
  static inline kmem_cache* cache = nullptr;

  struct member {
    member() {}
  };
  struct outside {
    outside() {}
  };
  template <class T>
  static T* load(T* const& p) {
    return rcu_dereference(p);
  }
  static void pass() {}
  static void synchronize() { synchronize_rcu(); }
  static void settle() { kmem_cache_free_barrier(cache); }
  static constexpr bool own_limit = true;

  template <void (*function)(node*)>
  static void post(node* n) {
    call_rcu(reinterpret_cast<rcu_head*>(n->link),
             [](rcu_head* head) { function(reinterpret_cast<node*>(head)); });
  }
  static void barrier() { rcu_barrier(); }

  static gs_cache_stats stats() {
    gs_cache_stats s = {};
    (void)gs_cache_read_stats(cache, &s);
    return s;
  }
  static void count_from_here() {}
  static void watch(std::uint64_t) {}
  static std::uint64_t in_flight(std::uint64_t) {
    gs_cache_stats s = stats();
    return s.retired - s.reclaimed;
  }
  // Objects that were ever made: those in flight at some moment, and no fewer.
  static std::uint64_t at_most() { return stats().carved; }
};

#ifdef BENCH_CALLED
struct scheme : common {
  static void begin(const trial& t) {
    gs_cache_options o = {};
    o.name = "bench";
    o.size = sizeof(node);
    o.owner = gs_this_module();
    o.pending_limit_bytes = t.number("bound") * sizeof(node);
    o.pressure = GS_PRESSURE_BLOCK;
    cache = gs_cache_create(&o);
  }
  static void enter() { gs_read_lock(); }
  static void leave() { gs_read_unlock(); }
  static node* get() { return static_cast<node*>(kmem_cache_alloc(cache, GFP_KERNEL)); }
  static void retire(node* n) { kfree_rcu(n, link); }
};
#else
struct scheme : common {
  static inline graceslab::cache<node>* typed = nullptr;
  static void begin(const trial& t) {
    graceslab::cache<node>::options o;
    o.pending_limit_bytes = t.number("bound") * sizeof(node);
    o.pressure = graceslab::pressure::block;
    typed = new graceslab::cache<node>("bench", o);
    cache = typed->native_handle();
  }
  static void enter() { rcu_read_lock(); }
  static void leave() { rcu_read_unlock(); }
  static node* get() { return typed->try_make(); }
  static void retire(node* n) { typed->retire(n); }
};
#endif

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_reclamation<scheme>(*into);
}
