// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// [saferecl.rcu.domain.func]: rcu_retire() mandates a deleter that can be moved.
// EXPECT: the deleter is moved to where it waits
#include <graceslab/std/rcu.hpp>

struct deleter {
  deleter() = default;
#ifndef GRACESLAB_CONTROL
  deleter(deleter&&) = delete;
#endif
  void operator()(long* p) const { delete p; }
};

void retire(long* ours) { graceslab::std26::rcu_retire<long, deleter>(ours); }
