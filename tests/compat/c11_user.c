/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A strict C11 program that uses every part of the kernel face. Contract C1, C2, R8, section 4. */
#include <errno.h>
#include <graceslab/kernel/rcupdate.h>
#include <graceslab/kernel/slab.h>

struct thing {
  int number;
  struct rcu_head rcu;
};

static struct thing* published;
static int calls;

static void free_thing(struct rcu_head* head) {
  gs_fetch_add(&calls, 1);
  kfree((char*)head - offsetof(struct thing, rcu));
}

static int readers_and_updates(struct kmem_cache* s) {
  struct thing* a = (struct thing*)kmem_cache_zalloc(s, GFP_KERNEL);
  struct thing* b = (struct thing*)kmem_cache_alloc(s, GFP_NOWAIT | __GFP_NOWARN);
  if (!a || !b || a->number != 0) return 1;
  RCU_INIT_POINTER(published, a);
  rcu_read_lock();
  if (rcu_dereference(published) != a || !rcu_read_lock_held()) return 2;
  rcu_read_unlock();
  a = rcu_replace_pointer(published, b, 1);
  kfree_rcu(a, rcu);
  call_rcu(&b->rcu, free_thing);
  rcu_assign_pointer(published, NULL);
  return rcu_access_pointer(published) ? 3 : 0;
}

static int waits(void) {
  unsigned long cookie = start_poll_synchronize_rcu();
  cond_synchronize_rcu(cookie);
  if (!poll_state_synchronize_rcu(cookie)) return 4;
  synchronize_rcu();
  synchronize_rcu_expedited();
  rcu_barrier();
  kfree_rcu_barrier();
  kvfree_rcu_barrier();
  return calls == 1 ? 0 : 5;
}

static int any_size(void) {
  void *p = kmalloc(100, GFP_KERNEL), *q = kvzalloc(300000, GFP_KERNEL), *r = kcalloc(10, 10, 0);
  p = krealloc(p, 5000, GFP_KERNEL);
  if (!p || !q || !r || ksize(p) < 5000) return 6;
  kfree(p);
  kvfree_rcu_mightsleep(q);
  kfree_rcu_mightsleep(r);
  kfree(NULL);
  return 0;
}

static int bulk(struct kmem_cache* s) {
  void* many[16];
  if (kmem_cache_alloc_bulk(s, GFP_KERNEL, 16, many) != 16) return 7;
  kmem_cache_free_bulk(s, 16, many);
  kmem_cache_shrink(s);
  return kmem_cache_size(s) == sizeof(struct thing) ? 0 : 8;
}

int main(void) {
  struct kmem_cache* s = KMEM_CACHE(thing, SLAB_HWCACHE_ALIGN);
  struct kmem_cache* once = kmem_cache_create("once", 32, 0, SLAB_DESTROY_ONCE_FULLY_FREED, NULL);
  int failed = readers_and_updates(s);
  if (!failed) failed = waits();
  if (!failed) failed = any_size();
  if (!failed) failed = bulk(s);
  if (failed) return failed;
  kmem_cache_free_barrier(s);
  kvfree_rcu_barrier_on_cache(s);
  kmem_cache_destroy(NULL);
  kmem_cache_destroy_barrier_one(kmem_cache_destroy_rcu(once));
  return kmem_cache_destroy_wait(s) || kmem_cache_destroy_barrier() ? 9 : 0;
}
