// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// libcds: general-purpose buffered RCU over malloc. Its buffer is its limit: when 8192 are pending,
// the retiring thread waits.
#include <cds/init.h>
#include <cds/urcu/general_buffered.h>

#include <cstdlib>

#include "smr_all.hpp"
#include "smr_cds_member.hpp"

namespace {

using graceslab::bench::node;
using rcu = cds::urcu::gc<cds::urcu::general_buffered<>>;

struct scheme : graceslab::bench::counted {
  static void begin(const graceslab::bench::trial&) {
    cds::Initialize();
    new rcu(8192);  // lives as long as the process
  }
  using member = graceslab::bench::cds_member;
  struct outside {
    outside() {}
  };

  static void enter() { rcu::access_lock(); }
  static void leave() { rcu::access_unlock(); }
  template <class T>
  static T* load(T* const& p) {
    return __atomic_load_n(&p, __ATOMIC_ACQUIRE);
  }
  static void pass() {}
  static void synchronize() { rcu::synchronize(); }

  static node* get() { return static_cast<node*>(std::malloc(sizeof(node))); }
  static void retire(node* n) {
    rcu::retire_ptr(n, [](void* p) {
      std::free(p);
      came_home();
    });
  }
  static void settle() { rcu::synchronize(); }
  static constexpr bool own_limit = true;
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_reclamation<scheme>(*into);
}
