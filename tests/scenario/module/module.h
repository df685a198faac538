/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What every module of this folder offers, and what the host lends to it. C11 and C++20. */
#ifndef GRACESLAB_TESTS_MODULE_H
#define GRACESLAB_TESTS_MODULE_H

#include <semaphore.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The host's: it outlives the module, whose callbacks write to it. Read and written by gs_ macros.
 */
struct kmem_cache;
struct module_counts {
  unsigned long posted, ran;       /* callbacks */
  unsigned long retired, finished; /* objects with a destructor of the module */
  sem_t entered, go_on;            /* of the callback that blocks */
  int destroys;                    /* ... and then destroys the module's cache */
  struct kmem_cache* cache;        /* of `constructed`, for the host to use */
};

struct module_api {
  void (*start)(struct module_counts* counts); /* creates the module's cache */
  void (*post)(unsigned n);                    /* n callbacks that count themselves */
  void (*post_blocking)(void); /* one that posts `entered`, waits for `go_on`, then counts */
  void (*post_chain)(
      unsigned links);        /* a callback that posts the next, `links` times; 0: for ever */
  void (*retire)(unsigned n); /* n objects of its cache */
  void* (*keep)(void);        /* an object that nobody gives back */
  void (*stop)(void);         /* the orderly end: waits, destroys the cache */
};

typedef const struct module_api* (*module_entry_t)(void);

#ifdef __cplusplus
}
#endif
#endif
