/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A module in C, under the kernel's names. */
#include <graceslab/kernel/slab.h>

#include "module.h"

struct item {
  struct rcu_head head;
  unsigned links;
};

static struct module_counts* counts;
static struct kmem_cache* items;

static struct item* get_item(void) { return (struct item*)kmem_cache_alloc(items, GFP_KERNEL); }

static void count_and_free(struct rcu_head* head) {
  gs_fetch_add(&counts->ran, 1ul);
  kmem_cache_free(items, head);
}

static void block(struct rcu_head* head) {
  sem_post(&counts->entered);
  while (sem_wait(&counts->go_on) != 0) continue;
  count_and_free(head);
  if (counts->destroys) kmem_cache_destroy(items);
}

static void next_link(struct rcu_head* head) {
  struct item* it = (struct item*)head; /* the first member */
  if (it->links == 1) {
    count_and_free(head);
    return;
  }
  if (it->links != 0) it->links--;
  gs_fetch_add(&counts->ran, 1ul);
  gs_fetch_add(&counts->posted, 1ul);
  call_rcu(head, next_link);
}

static void start(struct module_counts* lent) {
  counts = lent;
  items = kmem_cache_create("module-items", sizeof(struct item), 0, 0, NULL);
}

static void post_one(rcu_callback_t func, unsigned links) {
  struct item* it = get_item();
  if (it == NULL) return;
  it->links = links;
  gs_fetch_add(&counts->posted, 1ul);
  call_rcu(&it->head, func);
}

static void post(unsigned n) {
  while (n-- != 0) post_one(count_and_free, 0);
}
static void post_blocking(void) { post_one(block, 0); }
static void post_chain(unsigned links) { post_one(next_link, links); }

static void retire(unsigned n) {
  for (; n != 0; --n) {
    struct item* it = get_item();
    if (it == NULL) return;
    counts->retired++;
    kfree_rcu(it, head);
  }
}

static void* keep(void) { return get_item(); }

static void stop(void) {
  rcu_barrier();
  kmem_cache_destroy_wait(items);
  items = NULL;
}

static const struct module_api api = {start, post, post_blocking, post_chain, retire, keep, stop};

__attribute__((visibility("default"))) const struct module_api* module_entry(void) { return &api; }
