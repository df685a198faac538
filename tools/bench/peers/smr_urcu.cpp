// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// liburcu in one of its flavours (URCU_HEADER), with call_rcu() or defer_rcu() (URCU_DEFER) over
// malloc. Defined on the command line, _LGPL_SOURCE inlines its readers; without, each is a call.
#define URCU_API_MAP
#include URCU_HEADER

#include <cstdlib>

#include "smr_all.hpp"

namespace {

using graceslab::bench::node;

struct scheme : graceslab::bench::counted {
  static void begin(const graceslab::bench::trial&) {}

  struct member {
    member() {
      rcu_register_thread();
#ifdef URCU_DEFER
      rcu_defer_register_thread();
#endif
    }
    ~member() {
#ifdef URCU_DEFER
      rcu_defer_unregister_thread();
#endif
      rcu_unregister_thread();
    }
    member(const member&) = delete;
    member& operator=(const member&) = delete;
  };
  struct outside {
    outside() { rcu_thread_offline(); }
    ~outside() { rcu_thread_online(); }
    outside(const outside&) = delete;
    outside& operator=(const outside&) = delete;
  };

  static void enter() { rcu_read_lock(); }
  static void leave() { rcu_read_unlock(); }
  template <class T>
  static T* load(T* const& p) {
#ifdef _LGPL_SOURCE
    return rcu_dereference(p);
#else
    return rcu_dereference(*const_cast<T* volatile*>(&p));
#endif
  }
  static void pass() { rcu_quiescent_state(); }
  static void synchronize() { synchronize_rcu(); }

  static node* get() { return static_cast<node*>(std::malloc(sizeof(node))); }
  static void free_node(void* n) {
    std::free(n);
    came_home();
  }
  static constexpr bool own_limit = false;

#ifdef URCU_DEFER
  static void retire(node* n) { defer_rcu(free_node, n); }
  static void settle() { rcu_defer_barrier_thread(); }
#else
  template <void (*function)(node*)>
  static void post(node* n) {
    call_rcu(reinterpret_cast<rcu_head*>(n->link),
             [](rcu_head* head) { function(reinterpret_cast<node*>(head)); });
  }
  static void barrier() { rcu_barrier(); }
  static void retire(node* n) {
    call_rcu(reinterpret_cast<rcu_head*>(n->link), [](rcu_head* head) { free_node(head); });
  }
  static void settle() { rcu_barrier(); }
#endif
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_reclamation<scheme>(*into);
}
