/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Compiler and platform facts that the installed headers need. */
#ifndef GRACESLAB_DETAIL_CONFIG_H
#define GRACESLAB_DETAIL_CONFIG_H

#define GRACESLAB_API __attribute__((visibility("default")))
#define GS_LIKELY(x) __builtin_expect(!!(x), 1)
#define GS_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* A name for a symbol that the language has no good declaration for. */
#define GS_SYMBOL(name) __asm__(name)

/* The unit that two writers must not share. aarch64 prefetches pairs of lines. */
#if defined(__aarch64__)
#define GS_CACHE_LINE 128
#else
#define GS_CACHE_LINE 64
#endif

#ifdef __cplusplus
#define GS_EXTERN_C_BEGIN extern "C" {
#define GS_EXTERN_C_END }
#else
#define GS_EXTERN_C_BEGIN
#define GS_EXTERN_C_END
#endif

/* Raised whenever a structure that inlined code touches changes its layout; checked when an object
 * first registers. */
#define GS_LAYOUT_VERSION 1u

#endif
