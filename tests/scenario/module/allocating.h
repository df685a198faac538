/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What `named` and `stranger` offer: a call of `allocate` from a function of theirs. */
#ifndef GRACESLAB_TESTS_ALLOCATING_H
#define GRACESLAB_TESTS_ALLOCATING_H

typedef void* (*allocating_t)(void* (*allocate)(void*), void* arg);

#endif
