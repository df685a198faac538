/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Slab caches under the kernel's names, for C11 and C++20.
 *
 * WHICH DESTROY DO I NEED?
 * - I do not want to think about it: kmem_cache_destroy(). Returns at once, lingers, reports leaks.
 * - I must know that it is gone: kmem_cache_destroy_wait(). 0 when gone, -EBUSY with live objects.
 * - Many caches, one wait: kmem_cache_destroy_rcu() each, then kmem_cache_destroy_barrier().
 * - ... and which one leaks: keep the cookie for kmem_cache_destroy_barrier_one().
 * - Only this cache's retires, the cache goes on: kmem_cache_free_barrier().
 * - The same for all caches: kfree_rcu_barrier().
 * - Objects freed by my own call_rcu(): rcu_barrier(), then any of the above.
 * - One barrier for both: GRACESLAB_BARRIER_COVERS_RETIRE=1, or a domain's option.
 * - The last reference ends it: SLAB_DESTROY_ONCE_FULLY_FREED, then kmem_cache_destroy().
 *
 * NULL is a no-op everywhere. Handles are type-stable: a stale one is reported and never touches a
 * newer cache.
 */
#ifndef GRACESLAB_KERNEL_SLAB_H
#define GRACESLAB_KERNEL_SLAB_H

#include "rcupdate.h"

GS_EXTERN_C_BEGIN

typedef unsigned slab_flags_t;
typedef unsigned gfp_t;

#define SLAB_HWCACHE_ALIGN 0x0001u /* objects on their own cache lines */
#define SLAB_TYPESAFE_BY_RCU \
  0x0002u /* pages keep their type for a grace period; objects may be reused at once */
#define SLAB_PANIC 0x0004u              /* abort when the cache cannot be created */
#define SLAB_POISON 0x0008u             /* fill freed objects, check at reuse */
#define SLAB_RED_ZONE 0x0010u           /* guard bytes after each object */
#define SLAB_STORE_USER 0x0020u         /* remember who allocated and who freed, with stacks */
#define SLAB_CONSISTENCY_CHECKS 0x0040u /* check everything at every operation */
#define SLAB_DESTROY_ONCE_FULLY_FREED \
  0x0080u /* destroy never warns; clean-up runs when the last object comes home */
/* Misuse of its objects is not looked for: a foreign pointer, the wrong cache or a double free is
 * not reported and corrupts. Alloc and free then cost what they cost in allocators that do not look
 * either, and an object takes 0.9 bytes less. Not together with the debug flags above. */
#define SLAB_NO_DETECTION 0x0100u
#define SLAB_TRACE 0x0200u /* a `trace` report for each allocation, retire and free */
/* The debug flags need not be in the source: GRACESLAB_DEBUG=FZPUT,name* adds them at start, to
 * caches of kmalloc too, and gs_debug_caches() in the program (docs/guide/debugging.md). */

#define GFP_KERNEL 0x0u
#define GFP_NOWAIT 0x1u /* never waits for a grace period or reclaim */
#define GFP_ATOMIC 0x2u /* the same */
#define __GFP_ZERO 0x4u
#define __GFP_NOWARN 0x8u
/* Goes on trying until there is memory, at growing intervals of 1 to 100 ms, and reports the first
 * time it waits for long (`no-memory`; not with __GFP_NOWARN). Between attempts it reclaims; where
 * the caller is in no section and no callback it also waits for retired objects of the cache. NULL,
 * reported at once, only for what can never succeed: beyond the address space, from a destroyed
 * cache, zeroed where a constructor ran. GFP_NOWAIT and GFP_ATOMIC win over it: with them it has no
 * effect. Not under a lock that somebody needs to give memory back. */
#define __GFP_NOFAIL 0x10u

#define KMALLOC_MAX_CACHE_SIZE 8192u

/* Creates a cache of objects of `size` bytes (1 to 1 MiB).
 * - Arguments: `align` 0 (natural: at least 16 from 16 bytes up) or a power of two to 64 KiB.
 * `name` is copied and need not be unique. `ctor` runs once per object when it is first
 * needed; objects come back constructed. It runs inside an allocation, and other threads' calls
 * never wait for it, but those that wait for the end of this cache or of its code, which are told
 * by `stall` reports of one that does not return: it may block, allocate and free, wait for readers
 * and other caches, fork, throw, or end its thread (the objects are then constructed again for
 * whoever needs one). A barrier or a destroy of its own cache inside it is reported and does not
 * wait. It may not jump out (longjmp).
 * - Waits for: nothing.
 * - Context: any but signal handlers. The calling shared object owns the cache: dlclose() settles
 *   it.
 * - Blocks: never.
 * - Returns: the cache, or NULL: no memory (SLAB_PANIC aborts), or bad arguments, which are
 *   reported.
 * - Source: kernel kmem_cache_create(). */
static inline struct kmem_cache* kmem_cache_create(const char* name, size_t size, size_t align,
                                                   slab_flags_t flags, void (*ctor)(void*)) {
  struct gs_cache_options options = {
      name, size, align, flags, ctor, NULL, NULL, NULL, GS_POLICY_DEFAULT, 0, 0};
  options.owner = gs_this_module();
  return gs_cache_create(&options);
}

/* The same with arguments by name; those that are left out are 0. Beyond `memory_limit_bytes` (of
 * its slabs, whole ones of at least 64 KiB; 0: any) allocations are NULL and reported, after what
 * is free or was retired was looked through; GFP_KERNEL waits for it for a tenth of a second at
 * most. kmem_cache_limit_memory() changes it. */
struct kmem_cache_args {
  unsigned align;
  void (*ctor)(void*);
  uint64_t memory_limit_bytes;
};
static inline int kmem_cache_limit_memory(struct kmem_cache* s, uint64_t bytes) {
  return gs_cache_limit_memory(s, bytes);
}
static inline struct kmem_cache* kmem_cache_create_args(const char* name, size_t size,
                                                        const struct kmem_cache_args* args,
                                                        slab_flags_t flags) {
  struct kmem_cache* s = kmem_cache_create(name, size, args->align, flags, args->ctor);
  if (s != NULL && args->memory_limit_bytes != 0)
    (void)gs_cache_limit_memory(s, args->memory_limit_bytes);
  return s;
}

/* KMEM_CACHE(foo, flags): a cache named "foo" for struct foo. */
#define KMEM_CACHE(type, flags) \
  kmem_cache_create(#type, sizeof(struct type), __alignof__(struct type), (flags), NULL)

/* Allocates an object.
 * - Waits for: nothing.
 * - Context: any but signal handlers.
 * - Blocks: never, but with __GFP_NOFAIL; without memory it looks whether retired objects are due,
 *   but not with GFP_NOWAIT or GFP_ATOMIC.
 * - Returns: the object, or NULL when memory runs out; nothing is changed then. From a destroyed
 *   cache NULL and a report.
 * - Cost: a pop of this thread's array. Source: kernel kmem_cache_alloc(). */
static inline void* kmem_cache_alloc(struct kmem_cache* s, gfp_t gfp) {
  return gs_cache_alloc(s, gfp);
}
/* The same, zeroed. Refused with a report for a cache with a constructor. */
static inline void* kmem_cache_zalloc(struct kmem_cache* s, gfp_t gfp) {
  return gs_cache_alloc(s, gfp | __GFP_ZERO);
}
/* Frees an object at once.
 * - Waits for: nothing; in particular not for a grace period: no reader may have the object.
 * - Context: any but signal handlers.
 * - Blocks: never. Keeps errno.
 * - Returns: nothing. Errors: foreign pointers, the wrong cache, double frees: reported, left
 *   alone. */
static inline void kmem_cache_free(struct kmem_cache* s, void* p) { gs_cache_free(s, p); }
/* All or nothing: `n`, or 0 with nothing allocated. */
static inline int kmem_cache_alloc_bulk(struct kmem_cache* s, gfp_t gfp, size_t n, void** p) {
  return gs_cache_alloc_bulk(s, gfp, n, p);
}
static inline void kmem_cache_free_bulk(struct kmem_cache* s, size_t n, void** p) {
  gs_cache_free_bulk(s, n, p);
}
/* Gives all free memory of the cache back to the system. 0 when no slab is left, else 1. */
static inline int kmem_cache_shrink(struct kmem_cache* s) { return gs_cache_shrink(s); }
/* The size asked for at creation. */
static inline unsigned kmem_cache_size(struct kmem_cache* s) { return (unsigned)gs_cache_size(s); }

/* Ends a cache by its policy, `linger` unless set otherwise.
 * - Waits for: nothing under `linger` and `report`; under `wait` as kmem_cache_destroy_wait().
 * - Does not: wait for retires or callbacks. Retires in flight linger silently. Objects never
 *   retired are reported at once, then linger; leaks are splat after 21 s (settable), naming cache,
 *   count, age and caller.
 * - Context: any but signal handlers; a `wait` inside a section or callback becomes a linger plus a
 *   report.
 * - Blocks: only under `wait`.
 * - Returns: nothing. Errors: destroying twice or a stale handle: reported, no effect.
 * - Source: approaches A1, A4, A5, A10 of "Waiting for kfree_rcu()". */
static inline void kmem_cache_destroy(struct kmem_cache* s) { gs_cache_destroy(s); }
/* Ends a cache, lingering whatever its policy (A6, A9).
 * - Waits for: nothing. Does not: wait for retires or callbacks.
 * - Context: any but signal handlers. Blocks: never.
 * - Returns: a cookie that may be ignored, copied, and waited for any number of times; a done one
 *   for NULL. Errors: as kmem_cache_destroy(). */
static inline kmem_cache_cookie_t kmem_cache_destroy_rcu(struct kmem_cache* s) {
  return gs_cache_destroy_rcu(s);
}
/* Waits for this cache's retires, then ends it (A8).
 * - Waits for: retires of this cache that returned before the call, and its constructors that run.
 * - Does not: wait for callbacks, for other caches, or for objects that are allocated.
 * - Context: any but signal handlers; inside a section, a callback or its own constructor it
 *   lingers plus a report.
 * - Blocks: for one grace period, or not at all when nothing is pending; as long as a constructor
 *   does, which is reported after the stall limit (`stall`: function, thread, age, stack).
 * - Returns: 0 when gone; -EBUSY when it lingers on: at once when objects are allocated and not
 *   retired, which is reported. */
static inline int kmem_cache_destroy_wait(struct kmem_cache* s) { return gs_cache_destroy_wait(s); }
/* Waits for earlier destroys (A9).
 * - Waits for: every earlier asynchronous or lingering destroy, and so for constructors that run.
 * - Does not: wait for SLAB_DESTROY_ONCE_FULLY_FREED caches, open caches, or callbacks; a cache
 *   already splatted is not waited for again.
 * - Context: not inside a section or callback: reported, -EDEADLK, returns without having waited.
 * - Blocks: until the last of them is home, or the splat limit passed.
 * - Returns: 0, or -EBUSY once the splat limit passed for one of them. 0 means that the pages of
 *   type-safe caches are home, too. */
static inline int kmem_cache_destroy_barrier(void) { return gs_cache_destroy_barrier(); }
/* The same for the one destroy that gave this cookie; for SLAB_DESTROY_ONCE_FULLY_FREED too. */
static inline int kmem_cache_destroy_barrier_one(kmem_cache_cookie_t cookie) {
  return gs_cache_destroy_barrier_one(cookie);
}
/* Waits for this cache's retires, and the cache goes on (A7).
 * - Waits for: retires of this cache that returned before the call.
 * - Does not: wait for callbacks or other caches, however busy; time and work do not depend on
 * them.
 * - Context: not inside a section of its domain or a callback: reported, returns at once.
 * - Blocks: for one grace period, or not at all when nothing is pending.
 * - Returns: nothing (gs_cache_barrier() tells). */
static inline void kmem_cache_free_barrier(struct kmem_cache* s) { (void)gs_cache_barrier(s); }
static inline void kvfree_rcu_barrier_on_cache(struct kmem_cache* s) { (void)gs_cache_barrier(s); }

/* What a cache waits for, in words: gs_cache_why_of(). All of them in a table, also from a signal
 * handler: gs_dump_caches(). What happened last, in a process that records it: gs_trace_dump(). */

/* Reports what is known of any pointer: cache, state, who allocated, retired or freed it (with
 * SLAB_STORE_USER). */
static inline void kmem_dump_obj(void* object) { gs_dump_object(object); }

/* ---- objects of any size ---- */

/* kmalloc(0) is a unique pointer that may be freed. Sizes beyond the size classes are page runs, to
 * what the address space gives, below 2^46 bytes: a run that finds no room in the library's range
 * is mapped on its own, and unmapped when it is freed. Without memory, retired runs that are due
 * come home first, but not with GFP_NOWAIT or GFP_ATOMIC. NULL when memory runs out or a product
 * overflows. */
static inline void* kmalloc(size_t size, gfp_t gfp) { return gs_kmalloc(size, gfp); }
static inline void* kzalloc(size_t size, gfp_t gfp) { return gs_kmalloc(size, gfp | __GFP_ZERO); }
static inline void* kmalloc_array(size_t n, size_t size, gfp_t gfp) {
  size_t bytes;
  return __builtin_mul_overflow(n, size, &bytes) ? NULL : gs_kmalloc(bytes, gfp);
}
static inline void* kcalloc(size_t n, size_t size, gfp_t gfp) {
  return kmalloc_array(n, size, gfp | __GFP_ZERO);
}
/* Contents are kept up to the smaller size; without memory NULL, and `p` stays as it was. Size 0
 * frees `p` and returns what kmalloc(0) does. With __GFP_ZERO at every call since the allocation,
 * as in the kernel, all beyond what was ever asked for reads zero, also what was cut off and came
 * back. */
static inline void* krealloc(const void* p, size_t size, gfp_t gfp) {
  return gs_krealloc(p, size, gfp);
}
static inline void* kvmalloc(size_t size, gfp_t gfp) { return gs_kmalloc(size, gfp); }
static inline void* kvzalloc(size_t size, gfp_t gfp) { return gs_kmalloc(size, gfp | __GFP_ZERO); }
/* Frees any object by its pointer alone, of any cache. */
static inline void kfree(const void* p) { gs_kfree(p); }
static inline void kvfree(const void* p) { gs_kfree(p); }
/* Usable bytes of any object; where a debug mode watches those behind what was asked for, all of
 * them may be used from then on. 0 with a report for an object that is free, or no object. */
static inline size_t ksize(const void* p) { return gs_ksize(p); }

GS_EXTERN_C_END
#endif
