// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// [saferecl.rcu.domain.func]: rcu_retire() mandates that d(p) is well-formed.
// EXPECT: the deleter is called as d\(p\)
#include <graceslab/std/rcu.hpp>

struct deleter {
  void operator()(long* p) const { delete p; }
};

void retire(long* ours, [[maybe_unused]] short* theirs) {
#ifndef GRACESLAB_CONTROL
  graceslab::std26::rcu_retire(theirs, deleter{});
#endif
  graceslab::std26::rcu_retire(ours, deleter{});
}
