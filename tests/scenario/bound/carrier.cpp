// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A plug-in that carries the library's archive.
#include <graceslab/kernel/slab.h>

extern "C" __attribute__((visibility("default"))) int work() {
  kmem_cache* all = kmem_cache_create("carried", 64, 0, 0, nullptr);
  for (int i = 0; i < 1000; ++i) {
    rcu_read_lock();
    rcu_read_unlock();
    gs_cache_retire(all, kmem_cache_alloc(all, GFP_KERNEL));
  }
  call_rcu(new rcu_head, [](rcu_head* head) { delete head; });
  return kmem_cache_destroy_wait(all);
}
