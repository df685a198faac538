/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Uses the library, reports of misuse included, before the constructors of the library and of the C
 * run time have run: in a static program no call stack can be taken yet. Contract G5, R6. */
#include <graceslab/kernel/rcupdate.h>
#include <graceslab/kernel/slab.h>

struct thing {
  struct rcu_head rcu;
  int number;
};

static struct kmem_cache* early;
static struct rcu_head head;
static int calls;

static void count_call(struct rcu_head* posted) {
  (void)posted;
  gs_fetch_add(&calls, 1);
}

__attribute__((constructor(101))) static void before_anybody(void) {
  early = kmem_cache_create("early", sizeof(struct thing), 0, 0, NULL);
  struct thing* a = (struct thing*)kmem_cache_alloc(early, GFP_KERNEL);
  call_rcu(&head, count_call);
  rcu_read_lock();
  synchronize_rcu(); /* misuse: reported, with a stack where one can be taken */
  rcu_read_unlock();
  kfree_rcu(a, rcu);
}

int main(void) {
  struct kmem_cache* late = kmem_cache_create("late", 64, 0, 0, NULL);
  void* lost = kmem_cache_alloc(late, GFP_KERNEL);
  rcu_barrier();
  if (gs_load_acquire(&calls) != 1) return 1;
  if (kmem_cache_destroy_wait(early) != 0) return 2;
  kmem_cache_destroy_rcu(late); /* reported: an object is allocated */
  kfree(lost);
  return kmem_cache_destroy_barrier() == 0 ? 0 : 3;
}
