/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What ../plugin_unload.cpp loads: nothing in it knows that it may be unloaded. */
#include <graceslab/kernel/slab.h>

struct job {
  struct rcu_head rcu;
  int number;
};
static struct kmem_cache* jobs;

static void finish(struct rcu_head* head) { kmem_cache_free(jobs, head); }

static void start(void) { jobs = KMEM_CACHE(job, 0); }

static void work(int n) {
  for (; n > 0; n--) {
    struct job* j = (struct job*)kmem_cache_alloc(jobs, GFP_KERNEL);
    if (!j) return;
    j->number = n;
    call_rcu(&j->rcu, finish);
  }
}

static void stop(void) {
  rcu_barrier();
  kmem_cache_destroy_wait(jobs);
}

const struct {
  void (*start)(void);
  void (*work)(int n);
  void (*stop)(void);
} plugin = {start, work, stop};
