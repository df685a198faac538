/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include <graceslab/kernel/rcupdate.h>
#include <graceslab/kernel/slab.h>

struct entry {
  int value;
  struct rcu_head rcu;
};

static struct entry* shared;

int main(void) {
  struct kmem_cache* cache = kmem_cache_create("entries", sizeof(struct entry), 0, 0, NULL);
  struct entry* entry = cache ? (struct entry*)kmem_cache_alloc(cache, GFP_KERNEL) : NULL;
  int value;
  if (!entry) return 1;
  entry->value = 7;
  rcu_assign_pointer(shared, entry);
  rcu_read_lock();
  value = rcu_dereference(shared)->value;
  rcu_read_unlock();
  rcu_assign_pointer(shared, NULL);
  kfree_rcu(entry, rcu);
  if (kmem_cache_destroy_wait(cache) != 0) return 2;
  return value == 7 ? 0 : 3;
}
