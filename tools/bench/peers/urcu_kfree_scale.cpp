// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The kernel's kfree_scale over liburcu-memb's call_rcu and malloc, of glibc or of whatever library
// is preloaded.
#include <urcu/urcu-memb.h>

#include <cstdlib>
#include <new>

#include "kfree_scale.hpp"

namespace {

struct object {
  std::uint64_t word;
  rcu_head head;
};

void release(rcu_head* head) { std::free(caa_container_of(head, object, head)); }

struct called {
  static void enter() { urcu_memb_register_thread(); }
  static void leave() { urcu_memb_unregister_thread(); }
  static void turn() {
    auto* fresh = static_cast<object*>(std::malloc(sizeof(object)));
    if (fresh == nullptr) throw std::bad_alloc();
    fresh->word = 1;
    urcu_memb_call_rcu(&fresh->head, release);
  }
  static void settle() { urcu_memb_barrier(); }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  into->workloads["kfree_scale"] = graceslab::bench::play_kfree_scale<called>;
}
