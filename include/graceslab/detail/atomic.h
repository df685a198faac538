/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The one place that names atomic primitives. C11 and C++20.
 *
 * Every other file uses the gs_* names below, so that a model build can put an explorer underneath
 * and a lint can check that nobody else reaches for the compiler's own. Operands are plain integers
 * or pointers.
 */
#ifndef GRACESLAB_DETAIL_ATOMIC_H
#define GRACESLAB_DETAIL_ATOMIC_H

#ifdef GRACESLAB_MODEL
#include "model_atomic.hpp" /* tests/model: the same names over an explorer */
#else

#define gs_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define gs_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define gs_load_seq_cst(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define gs_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define gs_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define gs_store_seq_cst(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define gs_exchange(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define gs_exchange_acquire(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define gs_fetch_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define gs_fetch_sub(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST)
#define gs_fetch_or(p, v) __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define gs_fetch_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
/* Compare and swap, sequentially consistent; `expected` is an lvalue pointer and is updated on
 * failure. */
#define gs_compare_exchange(p, expected, v) \
  __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/* With an order that a user of the library names. */
#define gs_load_ordered(p, order) __atomic_load_n((p), (order))
#define gs_store_ordered(p, v, order) __atomic_store_n((p), (v), (order))
#define gs_exchange_ordered(p, v, order) __atomic_exchange_n((p), (v), (order))
#define gs_compare_exchange_ordered(p, expected, v, weak, success, failure) \
  __atomic_compare_exchange_n((p), (expected), (v), (weak), (success), (failure))

/* The reader's half of an asymmetric fence pair: orders the compiler only. The other half is
 * os::heavy_fence(). */
#define gs_light_fence() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* A full fence of this thread only. Sanitizer builds cannot see stand-alone fences: pair through an
 * RMW there. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GS_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(GS_TSAN)
static inline void gs_full_fence(void) {
  static int gs_fence_word;
  (void)__atomic_fetch_add(&gs_fence_word, 0, __ATOMIC_SEQ_CST);
}
#else
static inline void gs_full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
#endif

static inline void gs_cpu_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

#endif /* GRACESLAB_MODEL */
#endif /* GRACESLAB_DETAIL_ATOMIC_H */
