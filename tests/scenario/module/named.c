/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A module of the library's, whose function that allocates is not exported. */
#include <graceslab/kernel/slab.h>

#include "allocating.h"

__attribute__((noinline)) static void* allocate_in_named(void* (*allocate)(void*), void* arg) {
  void* object = allocate(arg);
  __asm__ volatile("" ::: "memory"); /* no jump */
  return object;
}

__attribute__((visibility("default"))) allocating_t module_allocate(void) {
  return allocate_in_named;
}
