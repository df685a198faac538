/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What is stepped through: each operation is a function of its own, so that nothing is hoisted out
 * of it or shared with a neighbour. Entry points are reached by the jump that ends the function, as
 * a program that calls them last would. */
#ifndef FASTPATH_PROBE_H
#define FASTPATH_PROBE_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kmem_cache;

struct operation {
  const char* name;
  void* (*prepare)(struct kmem_cache* s);             /* not counted; gives what `run` takes */
  void* (*run)(struct kmem_cache* s, void* object);   /* counted, to its return */
  void (*finish)(struct kmem_cache* s, void* object); /* not counted; takes what `run` gave */
};

/* Ends with a name of NULL. The cache is made for them, and 64-byte objects stand in its arrays. */
extern const struct operation kernel_operations[];
extern const struct operation typed_operations[]; /* the cache is a graceslab::cache<> */
extern const struct operation hazard_operations[];

void* typed_cache_new(unsigned flags);

#ifdef __cplusplus
}
#endif
#endif
