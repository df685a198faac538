/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A module whose cache has a constructor that blocks: it posts `entered`, waits for `go_on`, then
 * counts. */
#include <graceslab/kernel/slab.h>

#include "module.h"

static struct module_counts* counts;

static void block(void* object) {
  (void)object;
  if (gs_fetch_add(&counts->posted, 1ul) == 0) {
    sem_post(&counts->entered);
    while (sem_wait(&counts->go_on) != 0) continue;
  }
  gs_fetch_add(&counts->ran, 1ul);
}

static void start(struct module_counts* lent) {
  counts = lent;
  counts->cache = kmem_cache_create("module-made", 64, 0, 0, block);
}

static const struct module_api api = {.start = start};

__attribute__((visibility("default"))) const struct module_api* module_entry(void) { return &api; }
