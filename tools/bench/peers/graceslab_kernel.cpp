// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The kernel's own scale tests: rcuscale's kfree_rcu_test and refscale's type-safe look-ups.
#include <graceslab/kernel/slab.h>

#include <graceslab/stats.hpp>
#include <new>

#include "kfree_scale.hpp"
#include "type_safe.hpp"

namespace {

using namespace graceslab::bench;

struct object {
  std::uint64_t word;
  rcu_head head;
};

struct by_pointer {
  static void enter() {}
  static void leave() {}
  static void turn() {
    auto* fresh = static_cast<object*>(kmalloc(sizeof(object), GFP_KERNEL));
    if (fresh == nullptr) throw std::bad_alloc();
    fresh->word = 1;
    kfree_rcu(fresh, head);
  }
  static void settle() { kvfree_rcu_barrier(); }
};

void play_scale(trial& t) {
  std::uint64_t before = graceslab::stats().started;
  play_kfree_scale<by_pointer>(t);
  t.figure("grace_periods", static_cast<double>(graceslab::stats().started - before));
}

}  // namespace

void graceslab_bench_peer(peer* into) {
  into->workloads["kfree_scale"] = play_scale;
  into->workloads["type_safe"] = play_type_safe;
}
