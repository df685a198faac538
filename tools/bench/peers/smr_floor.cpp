// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// No scheme at all: what a workload's own loop costs. Nodes come from a ring and are used again
// after 8192 others, whoever still looks at them, so only what cannot tell the difference is
// played.
#include "smr_readers.hpp"
#include "smr_reclaim.hpp"

namespace {

using graceslab::bench::node;

struct scheme : graceslab::bench::counted {
  static constexpr std::size_t nodes = 8192;
  static inline std::vector<node> ring;
  static inline std::size_t next = 0;

  static void begin(const graceslab::bench::trial&) { ring.resize(nodes); }
  struct member {
    member() {}
  };
  struct outside {
    outside() {}
  };
  static void enter() {}
  static void leave() {}
  template <class T>
  static T* load(T* const& p) {
    return __atomic_load_n(&p, __ATOMIC_ACQUIRE);
  }
  static void pass() {}
  static node* get() { return &ring[next++ % nodes]; }
  static void retire(node*) {}
  static void settle() {}
  static constexpr bool own_limit = true;
  static std::uint64_t at_most() { return nodes; }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  into->workloads["reader_pair"] = graceslab::bench::play_reader_pair<scheme>;
  into->workloads["retire_cycle"] = graceslab::bench::play_retire_cycle<scheme>;
}
