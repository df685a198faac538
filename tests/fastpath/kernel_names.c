/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The C face: readers inlined and called; alloc, free and retire with the cache given and by the
 * pointer alone. */
#include <graceslab/kernel/slab.h>

#include "probe.h"

struct object {
  char payload[64 - sizeof(struct rcu_head)];
  struct rcu_head head;
};

static void* nothing(struct kmem_cache* s) {
  (void)s;
  return NULL;
}
static void no_end(struct kmem_cache* s, void* object) {
  (void)s;
  (void)object;
}
static void* inside(struct kmem_cache* s) {
  (void)s;
  rcu_read_lock();
  return NULL;
}
static void* inside_twice(struct kmem_cache* s) {
  inside(s);
  return inside(s);
}
static void leave(struct kmem_cache* s, void* object) {
  (void)s;
  (void)object;
  rcu_read_unlock();
}
static void leave_twice(struct kmem_cache* s, void* object) {
  leave(s, object);
  leave(s, object);
}
/* A domain of the program's own, which this thread has been in. */
static struct gs_domain* own;
static void* outside_own(struct kmem_cache* s) {
  (void)s;
  if (own == NULL) own = gs_domain_create(NULL);
  gs_domain_read_lock(own);
  gs_domain_read_unlock(own);
  return NULL;
}
static void* inside_own(struct kmem_cache* s) {
  outside_own(s);
  gs_domain_read_lock(own);
  return NULL;
}
static void leave_own(struct kmem_cache* s, void* object) {
  (void)s;
  (void)object;
  gs_domain_read_unlock(own);
}
static void* one(struct kmem_cache* s) { return kmem_cache_alloc(s, GFP_KERNEL); }
static void* one_small(struct kmem_cache* s) {
  (void)s;
  return kmalloc(64, GFP_KERNEL);
}
/* The first retire into an empty array goes out of line. */
static void* one_after_a_retire(struct kmem_cache* s) {
  gs_cache_retire(s, one(s));
  return one(s);
}
static void* one_small_after_a_retire(struct kmem_cache* s) {
  gs_retire(one_small(s));
  return one_small(s);
}
static void give_back(struct kmem_cache* s, void* object) { kmem_cache_free(s, object); }
static void give_small_back(struct kmem_cache* s, void* object) {
  (void)s;
  kfree(object);
}

#define RUN(name, statement)                              \
  static void* name(struct kmem_cache* s, void* object) { \
    (void)s;                                              \
    statement;                                            \
    return object;                                        \
  }
#define CALL(name, statement)                             \
  static void* name(struct kmem_cache* s, void* object) { \
    (void)s;                                              \
    (void)object;                                         \
    statement;                                            \
  }

RUN(lock_inline, rcu_read_lock())
RUN(unlock_inline, rcu_read_unlock())
RUN(pair_inline, rcu_read_lock(); __asm__ volatile("" ::: "memory"); rcu_read_unlock())
CALL(held_inline, return rcu_read_lock_held() != 0 ? s : object)
CALL(alloc_called, return kmem_cache_alloc(s, GFP_KERNEL))
CALL(small_called, return kmalloc(64, GFP_KERNEL))
CALL(stays_called, return krealloc(object, 61, GFP_KERNEL))

/* Those that return nothing end in a jump too: their type is cast, not their value. */
typedef void* (*run_function)(struct kmem_cache*, void*);
#define ENDS_IN(name, statement)                                \
  static void name##_call(struct kmem_cache* s, void* object) { \
    (void)s;                                                    \
    (void)object;                                               \
    statement;                                                  \
  }                                                             \
  enum { name##_is_defined }
ENDS_IN(lock, gs_read_lock());
ENDS_IN(unlock, gs_read_unlock());
ENDS_IN(domain_lock, gs_domain_read_lock(NULL));
ENDS_IN(domain_unlock, gs_domain_read_unlock(NULL));
ENDS_IN(own_lock, gs_domain_read_lock(own));
ENDS_IN(own_unlock, gs_domain_read_unlock(own));
ENDS_IN(free, kmem_cache_free(s, object));
ENDS_IN(kfree, kfree(object));
ENDS_IN(retire, gs_cache_retire(s, object));
ENDS_IN(kfree_rcu, kfree_rcu((struct object*)object, head));
#define CALLED(name) (run_function)(void (*)(void)) name##_call

const struct operation kernel_operations[] = {
    {"reader.lock.inline", nothing, lock_inline, leave},
    {"reader.unlock.inline", inside, unlock_inline, no_end},
    {"reader.pair.inline", nothing, pair_inline, no_end},
    {"reader.lock.nested.inline", inside, lock_inline, leave_twice},
    {"reader.unlock.nested.inline", inside_twice, unlock_inline, leave},
    {"reader.held.inline", inside, held_inline, leave},
    {"reader.lock.called", nothing, CALLED(lock), leave},
    {"reader.unlock.called", inside, CALLED(unlock), no_end},
    {"reader.lock.domain", nothing, CALLED(domain_lock), leave},
    {"reader.unlock.domain", inside, CALLED(domain_unlock), no_end},
    {"reader.lock.domain.own", outside_own, CALLED(own_lock), leave_own},
    {"reader.unlock.domain.own", inside_own, CALLED(own_unlock), no_end},
    {"kmem_cache_alloc", nothing, alloc_called, give_back},
    {"kmem_cache_free", one, CALLED(free), no_end},
    {"kfree", one, CALLED(kfree), no_end},
    {"kmalloc", nothing, small_called, give_small_back},
    {"kmalloc.kfree", one_small, CALLED(kfree), no_end},
    {"kmalloc.krealloc.stays", one_small, stays_called, give_small_back},
    {"gs_cache_retire", one_after_a_retire, CALLED(retire), no_end},
    {"kfree_rcu", one_after_a_retire, CALLED(kfree_rcu), no_end},
    {"kmalloc.kfree_rcu", one_small_after_a_retire, CALLED(kfree_rcu), no_end},
    {NULL, NULL, NULL, NULL},
};
