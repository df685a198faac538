/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Compiler and platform facts that the installed headers need. */
#ifndef GRACESLAB_DETAIL_CONFIG_H
#define GRACESLAB_DETAIL_CONFIG_H

#include "version.h"

#if !defined(__LP64__)
#error "graceslab: needs a 64-bit target; x86_64 and aarch64 Linux are supported"
#endif
#ifdef __cplusplus
#if __cplusplus < 201103L
#error "graceslab: <graceslab/kernel/*.h> need C++11 (-std=c++11), <graceslab/*.hpp> need C++20"
#endif
#elif !defined(__STDC_VERSION__) || __STDC_VERSION__ < 201112L
#error "graceslab: <graceslab/kernel/*.h> need C11 (-std=c11)"
#endif

#define GRACESLAB_API __attribute__((visibility("default")))
/* An entry point that is called so often that the jump through the linkage table is worth saving:
 * the call reads its target from the offset table itself. */
#if defined(__has_attribute)
#if __has_attribute(noplt)
#define GS_HOT_API GRACESLAB_API __attribute__((noplt))
#endif
#endif
#ifndef GS_HOT_API
#define GS_HOT_API GRACESLAB_API
#endif
#define GS_LIKELY(x) (__builtin_expect(!!(x), 1) != 0) /* no long that would be shortened */
#define GS_UNLIKELY(x) (__builtin_expect(!!(x), 0) != 0)
/* A fast path: small enough to be worth a copy wherever it is used. */
#define GS_INLINE static GS_INLINE_MEMBER
#define GS_INLINE_MEMBER inline __attribute__((always_inline))
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
#define GS_LAYOUT_VERSION 4u

#endif
