/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Steps through a call by the processor's trap flag: a signal after each instruction, within the
 * process, so that no right to trace and no counter of the machine is needed. */
#ifndef FASTPATH_STEPS_H
#define FASTPATH_STEPS_H
#include <stddef.h>
#include <stdint.h>

#include "probe.h"

#ifdef __cplusplus
extern "C" {
#endif

#define STEPS_MAX 4096
struct steps {
  size_t count; /* STEPS_MAX: at least so many */
  uintptr_t address[STEPS_MAX];
};

void steps_begin(void); /* once: installs the signal handler */
/* Calls run(s, object) and notes the address of every instruction from its first to its return. */
void* steps_of(void* (*run)(struct kmem_cache*, void*), struct kmem_cache* s, void* object,
               struct steps* out);

#ifdef __cplusplus
}
#endif
#endif
