/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "steps.h"

#include <signal.h>
#include <ucontext.h>

/* The linker sets these around the section that steps_of() stands in: what is traced there is the
 * way in and out of the call, not the call. */
extern const char __start_stepping[], __stop_stepping[];

static struct steps* now;

static void after_instruction(int number, siginfo_t* info, void* context) {
  (void)number;
  (void)info;
  uintptr_t next = (uintptr_t)((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
  if (next >= (uintptr_t)__start_stepping && next < (uintptr_t)__stop_stepping) return;
  if (now->count < STEPS_MAX) now->address[now->count++] = next;
}

void steps_begin(void) {
  struct sigaction action = {0};
  action.sa_sigaction = after_instruction;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTRAP, &action, NULL);
}

__attribute__((section("stepping"), noinline)) void* steps_of(void* (*run)(struct kmem_cache*,
                                                                           void*),
                                                              struct kmem_cache* s, void* object,
                                                              struct steps* out) {
  out->count = 0;
  now = out;
  __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq" ::: "memory", "cc");
  void* result = run(s, object);
  __asm__ volatile("pushfq\n andq $~0x100, (%%rsp)\n popfq" ::: "memory", "cc");
  return result;
}
