// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A thousand caches end together: each destroy returns at once, one barrier waits for all of them.
#include <graceslab/kernel/slab.h>

#include <cstdio>
#include <vector>

struct row {
  rcu_head rcu;
  long columns[6];
};

int main() {
  std::vector<kmem_cache*> tables;
  for (int i = 0; i < 1000; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "table-%d", i);
    kmem_cache* table =
        kmem_cache_create(name, sizeof(row), 0, i % 2 ? SLAB_TYPESAFE_BY_RCU : 0, nullptr);
    for (int k = 0; k < 50; ++k) {
      auto* r = static_cast<row*>(kmem_cache_alloc(table, GFP_KERNEL));
      if (r == nullptr) return 1;
      kfree_rcu(r, rcu);
    }
    tables.push_back(table);
  }

  gs_domain_stats before, after;
  gs_domain_read_stats(nullptr, &before);
  for (kmem_cache* table : tables) kmem_cache_destroy_rcu(table);
  const int left = kmem_cache_destroy_barrier();  // 0: all of them are gone
  gs_domain_read_stats(nullptr, &after);

  std::printf("1000 caches ended, %llu grace periods\n",
              static_cast<unsigned long long>(after.completed - before.completed));
  return left;
}
