/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* named: destroys a cache whose objects are out, all of it in functions that are not exported. */
#include <graceslab/kernel/slab.h>
#include <stddef.h>

/* Keeps a call from becoming a jump, so that its caller is on the stack. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

__attribute__((noinline)) static void* allocate_often(struct kmem_cache* of) {
  void* object = kmem_cache_alloc(of, GFP_KERNEL);
  NO_TAIL_CALL();
  return object;
}

static inline __attribute__((always_inline)) void* inlined_allocation(struct kmem_cache* of) {
  return kmem_cache_alloc(of, GFP_KERNEL);
}

__attribute__((noinline)) static void* allocate_once(struct kmem_cache* of) {
  void* object = inlined_allocation(of);
  NO_TAIL_CALL();
  return object;
}

__attribute__((noinline)) static void destroy_it(struct kmem_cache* of) {
  kmem_cache_destroy(of);
  NO_TAIL_CALL();
}

int main(void) {
  struct kmem_cache* of = kmem_cache_create("named", 64, 0, SLAB_STORE_USER, NULL);
  volatile int often = 3; /* so that the loop stays one */
  void* out[4];
  if (of == NULL) return 1;
  for (int i = 0; i != often; ++i) out[i] = allocate_often(of);
  out[3] = allocate_once(of);
  destroy_it(of);
  for (int i = 0; i != 4; ++i) kmem_cache_free(of, out[i]);
  return 0;
}
