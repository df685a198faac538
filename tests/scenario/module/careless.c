/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A driver that forgets objects: its functions have names that reports should show. */
#include <graceslab/kernel/slab.h>

__attribute__((noinline)) void* careless_alloc(struct kmem_cache* s) {
  void* object = kmem_cache_alloc(s, GFP_KERNEL);
  __asm__ volatile("" ::: "memory"); /* keeps the call from becoming a jump */
  return object;
}

__attribute__((noinline)) void careless_exit(struct kmem_cache* s) {
  kmem_cache_destroy(s);
  __asm__ volatile("" ::: "memory");
}
