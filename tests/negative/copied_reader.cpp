// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A section belongs to one scope. EXPECT: deleted
#include <graceslab/rcu.hpp>

void read() {
  graceslab::rcu_reader section;
#ifndef GRACESLAB_CONTROL
  graceslab::rcu_reader copy(section);
#endif
}
