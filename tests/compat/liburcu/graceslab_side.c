/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The unit that uses graceslab; the other one uses liburcu. */
#include <graceslab/kernel/slab.h>

#include "sides.h"

struct thing {
  struct rcu_head rcu;
};
static int ran;

static void count(struct rcu_head* head) {
  gs_fetch_add(&ran, 1);
  kfree(head);
}

int graceslab_works(int rounds) {
  gs_store_relaxed(&ran, 0);
  for (int i = 0; i < rounds; i++) {
    struct thing* a = (struct thing*)kmalloc(sizeof *a, GFP_KERNEL);
    struct thing* b = (struct thing*)kmalloc(sizeof *b, GFP_KERNEL);
    if (!a || !b) return 0;
    rcu_read_lock();
    other_side_works_inside();
    call_rcu(&a->rcu, count);
    kfree_rcu(b, rcu);
    rcu_read_unlock();
  }
  synchronize_rcu();
  rcu_barrier();
  kfree_rcu_barrier();
  return ran == rounds;
}
