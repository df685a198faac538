/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* kfree_rcu() names a field that must be there, used or not. */
/* EXPECT: no member named */
#include <graceslab/kernel/slab.h>

struct entry {
  struct rcu_head rcu;
};

void retire(struct entry* entry);
void retire(struct entry* entry) {
#ifndef GRACESLAB_CONTROL
  kfree_rcu(entry, missing);
#else
  kfree_rcu(entry, rcu);
#endif
}
