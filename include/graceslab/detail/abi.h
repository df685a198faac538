/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Every symbol that libgraceslab exports, under one prefix. C11 and C++20.
 *
 * Both faces (the C++ headers and those under kernel/) are inline coats over these; programs use
 * the faces, which document each operation. A NULL domain means the default one.
 */
#ifndef GRACESLAB_DETAIL_ABI_H
#define GRACESLAB_DETAIL_ABI_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "hazard.h"
#include "local.h"
#include "reader.h"

GS_EXTERN_C_BEGIN

struct kmem_cache;
struct gs_domain;
struct gs_owner;

/* Two words, as in the kernel. May be uninitialised memory before the call that queues it. */
struct rcu_head {
  uintptr_t gs_word[2];
};
typedef void (*rcu_callback_t)(struct rcu_head* head);

/* ---- library ---- */

/* Registers the calling shared object (see detail/owner.h); reports a layout mismatch. */
GRACESLAB_API void gs_owner_attach(void* dso_handle, uint32_t layout_version);
/* The calling shared object is about to be unloaded (see detail/owner.h): waits until no callback
 * and no due destructor of it is queued or running. Nothing happens at process exit. */
GRACESLAB_API void gs_owner_leave(void* dso_handle);
GRACESLAB_API const char* gs_version(void);
/* Ends the process with a report (`panic`): what the C++ face does in place of a throw where
 * exceptions are switched off. */
GRACESLAB_API void gs_panic(const char* why) __attribute__((noreturn, cold));

/* ---- owners: who posted, whose code will run ---- */

GRACESLAB_API struct gs_owner* gs_owner_create(const char* name);
/* Waits until no callback or destructor of this owner is queued or running and its caches are
 * settled: a token's are destroyed, and no constructor of them runs any more in other threads.
 * - Owner: from gs_owner_create(), or a module's handle (gs_settle_module() in detail/owner.h),
 *   whose open caches go on.
 * - Waits for: the grace periods, the callbacks and the constructors of this owner; one that takes
 *   longer than the stall limit is reported, with its thread and stack, and waited for.
 * - Does not: wait for other owners, for posts that come after the call began but from callbacks,
 *   or for ever on callbacks that post anew: after 8 rounds, or the stall limit, further posts of
 *   this owner are refused until the call returns.
 * - Returns: 0, or the number of callbacks refused because they re-armed themselves or could not be
 *   waited for. */
GRACESLAB_API unsigned long gs_owner_settle(struct gs_owner* owner);
GRACESLAB_API void gs_owner_destroy(struct gs_owner* owner);
/* Switches the automatic protection at dlclose on (default) or off, for the whole process; returns
 * the old value. */
GRACESLAB_API int gs_owner_protection(int on);

/* ---- readers ---- */

GRACESLAB_API void gs_domain_read_lock(struct gs_domain* domain);
GRACESLAB_API void gs_domain_read_unlock(struct gs_domain* domain);
GRACESLAB_API int gs_read_held(
    struct gs_domain* domain);      /* nesting level of this thread, 0 outside */
GS_HOT_API void gs_read_lock(void); /* the out-of-line twins of the inline reader */
GS_HOT_API void gs_read_unlock(void);
/* A section of no thread: whoever has what the first one returns ends it with the second, once.
 * - Waits for: nothing but, through a handle, whoever is about to end the domain. Context: any;
 *   never fails for want of memory. Cost: an atomic operation on a line that all tokens of the
 *   domain share, each way.
 * - Does not: count as a section of the calling thread: gs_read_held() is 0, and what waits for the
 *   domain's grace periods there (see rcu_token in rcu.hpp) is not found to be a deadlock, only
 *   reported as a stall.
 * - Fork: a token stays valid in the child. One that another thread had is never ended there.
 * - Errors: -1 through the handle of a destroyed domain, reported; it may be given to the second.
 *   A token that nobody has: reported, no effect, while no other is out that it might be; else it
 *   ends that one.
 * - Source: kernel srcu_down_read(), srcu_up_read(). */
GRACESLAB_API int gs_domain_down_read(struct gs_domain* domain);
GRACESLAB_API void gs_domain_up_read(struct gs_domain* domain, int token);

/* ---- grace periods ---- */

GRACESLAB_API void gs_synchronize(struct gs_domain* domain);
GRACESLAB_API void gs_synchronize_expedited(struct gs_domain* domain);
GRACESLAB_API uint64_t gs_gp_state(struct gs_domain* domain);
GRACESLAB_API uint64_t gs_gp_start_poll(struct gs_domain* domain);
GRACESLAB_API int gs_gp_poll(struct gs_domain* domain, uint64_t cookie);
GRACESLAB_API void gs_gp_cond_synchronize(struct gs_domain* domain, uint64_t cookie);

/* ---- callbacks ---- */

/* `owner` is a gs_owner, NULL (nobody's), or any address in a shared object: its handle, that of
 * its table of virtual functions. An object waits at its unload for what has such an owner, and for
 * every callback whose function or head lies in it, whoever posted that. */
GRACESLAB_API void gs_call_rcu(struct gs_domain* domain, struct rcu_head* head, rcu_callback_t func,
                               void* owner);
GRACESLAB_API void gs_call_rcu_hurry(struct gs_domain* domain, struct rcu_head* head,
                                     rcu_callback_t func, void* owner);
/* The two halves of gs_call_rcu(), for what is written to an object between them: the first says
 * whether the head is not queued yet, and reports if it is. */
GRACESLAB_API int gs_rcu_claim(struct gs_domain* domain, struct rcu_head* head);
GRACESLAB_API void gs_call_rcu_claimed(struct gs_domain* domain, struct rcu_head* head,
                                       rcu_callback_t func, void* owner);
GRACESLAB_API void gs_rcu_barrier(struct gs_domain* domain);

/* ---- hazard pointers ---- */

/* May be uninitialised memory before the call that retires it; `head` is its first member. */
struct gs_hazard_head {
  struct rcu_head head;
  rcu_callback_t func;
  void* owner;
};
/* `func` runs once no slot names `head` (see hazard.h). `owner` as for gs_call_rcu. */
GRACESLAB_API void gs_hazard_retire(struct gs_hazard_head* head, rcu_callback_t func, void* owner);
GRACESLAB_API int gs_hazard_claim(struct gs_hazard_head* head); /* as gs_rcu_claim() */
GRACESLAB_API void gs_hazard_retire_claimed(struct gs_hazard_head* head, rcu_callback_t func,
                                            void* owner);
GRACESLAB_API void gs_hazard_barrier(void);

/* ---- domains ---- */

/* A handle of a domain that was destroyed is reported wherever one is taken and touches no other
 * domain: sections are none, callbacks are not queued, waits return, cookies are done. Counts and
 * gs_read_held() are 0 without a report. */
struct gs_domain_options {
  const char* name;
  int barrier_covers_retire;    /* approach A2 */
  uint64_t pending_limit_bytes; /* 0 = none; see pressure */
  int pressure;                 /* enum gs_pressure */
};
enum gs_pressure { GS_PRESSURE_EXPEDITE = 0, GS_PRESSURE_BLOCK = 1, GS_PRESSURE_REPORT = 2 };

GRACESLAB_API struct gs_domain* gs_domain_create(
    const struct gs_domain_options* options); /* NULL: no memory */
GRACESLAB_API int gs_domain_destroy(
    struct gs_domain* domain); /* 0; -EBUSY: in use, reported and leaked; -ENOENT: destroyed */
/* Repeats grace period, callbacks and reclaim until nothing is in flight. 0 when quiet; -EBUSY when
 * `timeout_ms` passed (0 = no limit) or a callback re-armed itself for `rounds` rounds; the
 * re-arming function is stored and reported. At the limit it reports which callback or reader it
 * waited for. With a time limit the caller runs callbacks itself
 * only where there is no worker: it could not leave one that blocks. -ENOENT: destroyed, as for
 * gs_domain_close(). */
GRACESLAB_API int gs_domain_drain(struct gs_domain* domain, unsigned rounds, uint64_t timeout_ms,
                                  void** rearming);
GRACESLAB_API int gs_domain_close(struct gs_domain* domain);
GRACESLAB_API void gs_domain_reclaim_now(struct gs_domain* domain);
GRACESLAB_API int gs_barrier_covers_retire(struct gs_domain* domain,
                                           int on); /* returns the old value */

/* ---- caches ---- */

enum gs_policy {
  GS_POLICY_DEFAULT = 0,
  GS_POLICY_LINGER = 1,
  GS_POLICY_REPORT = 2,
  GS_POLICY_WAIT = 3,
  GS_POLICY_WAIT_IF_POSSIBLE =
      4 /* wait, but linger without a report inside a reader, callback or exit */
};

struct gs_cache_options {
  const char* name;
  size_t size;
  size_t align;
  unsigned flags;
  void (*ctor)(void* object);
  void (*dtor)(void* object); /* run at harvest of retired objects; owner's code */
  struct gs_domain* domain;
  void* owner; /* as for gs_call_rcu */
  int policy;  /* enum gs_policy */
  uint64_t pending_limit_bytes;
  int pressure;
};
GRACESLAB_API struct kmem_cache* gs_cache_create(const struct gs_cache_options* options);
GS_HOT_API void* gs_cache_alloc(struct kmem_cache* cache, unsigned gfp);
GS_HOT_API void gs_cache_free(struct kmem_cache* cache, void* object);
GRACESLAB_API int gs_cache_alloc_bulk(struct kmem_cache* cache, unsigned gfp, size_t n,
                                      void** objects);
GRACESLAB_API void gs_cache_free_bulk(struct kmem_cache* cache, size_t n, void** objects);
GS_HOT_API void gs_cache_retire(struct kmem_cache* cache, void* object);
GRACESLAB_API int gs_cache_shrink(struct kmem_cache* cache); /* 0 when no slab is left, else 1 */
GRACESLAB_API size_t gs_cache_size(struct kmem_cache* cache);
GRACESLAB_API uint32_t
gs_cache_id(struct kmem_cache* cache); /* for the inline fast path; 0 = none (debug cache) */
GRACESLAB_API uint32_t gs_cache_stride(struct kmem_cache* cache);
GRACESLAB_API int gs_cache_is_open(struct kmem_cache* cache); /* 0: it was destroyed */
/* Looks at every object: free ones for poison, red zones of all, and, of any cache, whether what
 * the library knows of them agrees. Each that is damaged is reported (`corrupt-object`), and left
 * alone when it comes home or is due to go out.
 * - Waits for: nothing. Does not: wait for threads that use the cache; what they have in hand at
 *   that moment is passed over.
 * - Context: any but signal handlers. Blocks: other threads' slow paths of the cache meanwhile.
 * - Returns: how many are damaged. Errors: a stale handle is reported, 0. */
GRACESLAB_API int gs_cache_validate(struct kmem_cache* cache);
GRACESLAB_API int gs_caches_validate(void); /* the same of all caches, those of kmalloc too */
/* Debug modes for caches that are made from now on, as if `blocks` stood behind what
 * GRACESLAB_DEBUG says (docs/guide/debugging.md): "FZPU,mine_*;T,kmalloc-64". They are added to the
 * flags that a cache is created with. gs_config_set("GRACESLAB_DEBUG", ...) replaces all.
 * - Waits for: nothing. Does not: change caches that exist; those of kmalloc come at first use.
 * - Context: any but signal handlers. Blocks: never.
 * - Returns: 0; -EINVAL: part of it was not understood, which is reported, and the rest holds;
 *   -E2BIG: more than 1022 characters in all, reported, and nothing is changed. */
GRACESLAB_API int gs_debug_caches(const char* blocks);

/* Memory limits: what the slabs and page runs of a cache, or of all caches of a domain, may take,
 * in whole granules of 64 KiB; 0 = any. Beyond it an allocation is NULL, as without memory: after
 * free, parked and reclaimed memory was given back, and where it may wait retired memory as well,
 * of the cache or the domain alone; and reported (`no-memory`), but with __GFP_NOWARN. What is
 * there stays, also when a limit is set below it. kmalloc's domain is the default one (NULL), whose
 * limit is the setting GRACESLAB_MEMORY_LIMIT. */
struct gs_memory_use {
  uint64_t bytes; /* that slabs and runs take; those that wait for their grace period count */
  uint64_t limit_bytes;
};
/* 0, or -ENOENT for a cache that was destroyed, which is reported. */
GRACESLAB_API int gs_cache_limit_memory(struct kmem_cache* cache, uint64_t bytes);
/* 0, or -ENOENT for a stale handle: zeros. */
GRACESLAB_API int gs_cache_read_memory(struct kmem_cache* cache, struct gs_memory_use* use);
GRACESLAB_API void gs_domain_limit_memory(struct gs_domain* domain, uint64_t bytes);
GRACESLAB_API void gs_domain_read_memory(struct gs_domain* domain, struct gs_memory_use* use);

/* any object by its pointer alone */
GS_HOT_API void* gs_kmalloc(size_t size, unsigned gfp);
GRACESLAB_API void* gs_krealloc(const void* object, size_t size, unsigned gfp);
GS_HOT_API void gs_kfree(const void* object);
GRACESLAB_API size_t gs_ksize(const void* object);
GS_HOT_API void gs_retire(const void* object);
GRACESLAB_API void gs_retire_mightsleep(const void* object);

/* ---- waiting for retired memory, ending caches ---- */

GRACESLAB_API void gs_retire_barrier(struct gs_domain* domain);
GRACESLAB_API int gs_cache_barrier(
    struct kmem_cache* cache); /* 0, or -EDEADLK inside a reader or callback */

/* gs_call_rcu() in the cache's domain, and on its behalf: what waits for this cache's retires
 * (gs_cache_barrier(), a destroy that waits) waits for the domain's callbacks first, from then on.
 * Of a cache that is gone: reported, and not queued. */
GRACESLAB_API void gs_cache_call(struct kmem_cache* cache, struct rcu_head* head,
                                 rcu_callback_t func, void* owner);

typedef uint64_t kmem_cache_cookie_t;
GRACESLAB_API void gs_cache_destroy(struct kmem_cache* cache);                    /* by policy */
GRACESLAB_API kmem_cache_cookie_t gs_cache_destroy_rcu(struct kmem_cache* cache); /* lingers */
/* By an explicit policy; stores the cookie. 0 when gone, -EBUSY when it lingers. */
GRACESLAB_API int gs_cache_destroy_by(struct kmem_cache* cache, int policy,
                                      kmem_cache_cookie_t* cookie);
GRACESLAB_API int gs_cache_destroy_wait(struct kmem_cache* cache);
GRACESLAB_API int gs_cache_destroy_barrier(void);
GRACESLAB_API int gs_cache_destroy_barrier_one(kmem_cache_cookie_t cookie);

/* ---- looking inside ---- */

enum gs_stage { GS_STAGE_OPEN = 0, GS_STAGE_CLOSING = 1, GS_STAGE_DRAINING = 2, GS_STAGE_GONE = 3 };

struct gs_cache_stats {
  char name[64];
  uint32_t id;
  int stage;             /* enum gs_stage */
  uint64_t object_bytes; /* as asked */
  uint64_t stride_bytes; /* as laid out */
  uint64_t slabs;
  uint64_t carved; /* objects that exist in slabs */
  uint64_t parked; /* free, in sheaves */
  uint64_t free_in_slabs;
  uint64_t retired;        /* since creation */
  uint64_t reclaimed;      /* since creation; in flight = retired - reclaimed */
  uint64_t live;           /* allocated and not retired */
  uint64_t resident_bytes; /* of pages that objects were made in and that did not go back; those of
                              the first array and of page runs count before they are touched */
  uint64_t late_frees;     /* plain frees after destroy */
  uint64_t leaked;         /* objects left alone after misuse */
};
/* Exact: seizes the arrays of all threads. 0, or -ENOENT for a stale handle. */
GRACESLAB_API int gs_cache_read_stats(struct kmem_cache* cache, struct gs_cache_stats* stats);
/* Calls `visit` for every cache that exists, lingering ones included. */
GRACESLAB_API void gs_caches_visit(void (*visit)(const struct gs_cache_stats* stats, void* arg),
                                   void* arg);
/* One paragraph: why this cache still lives. Returns the length that was needed, as snprintf does.
 */
GRACESLAB_API size_t gs_cache_why(kmem_cache_cookie_t cookie, char* text, size_t bytes);
/* The same of a cache by its handle, open or destroyed: its stage, how many objects are out, and
 * which reader, callback, constructor or hazard pointer it waits for, since when at least.
 * - Waits for: nothing. Does not: wait for readers; a grace period is begun where retired objects
 *   wait and none is under way, so that the reader in the way is known.
 * - Context: any but signal handlers.
 * - Blocks: never; of an open cache the arrays of all threads are seized for a moment.
 * - Returns: as above. A stale handle is said to be one. */
GRACESLAB_API size_t gs_cache_why_of(struct kmem_cache* cache, char* text, size_t bytes);
/* Writes a table of all domains and caches, in lines of text, to a file descriptor.
 * - Waits for: nothing, but a lock is tried for some milliseconds: what somebody has in hand all
 *   the time is told with a `?`. Does not: stop other threads; the rows are of different moments,
 *   and what lies in a thread's arrays counts as allocated.
 * - Context: any, signal handlers too, also one that interrupted the library: each lock is tried
 *   once there. Allocates nothing. A pipe that nobody reads raises SIGPIPE, as write(2) does.
 * - Blocks: as write(2) to that file does. Keeps errno.
 * - Returns: 0, or the negative error number of a write. */
GRACESLAB_API int gs_dump_caches(int file);
/* Writes the trace, what happened last, in lines of text that `graceslab trace` reads, to a file
 * descriptor, in a process started with GRACESLAB_TRACE (docs/guide/tracing.md).
 * - Waits for: nothing. Does not: stop those who record; what they overwrite meanwhile is counted
 *   as lost.
 * - Context: any, signal handlers too, also one that interrupted the library: functions are told
 *   by their addresses alone there. Allocates nothing. A pipe that nobody reads raises SIGPIPE.
 * - Blocks: as write(2) to that file does. Keeps errno.
 * - Cost: about a microsecond for each event that is there.
 * - Returns: 0; -ENOENT: this process records nothing; or the negative error number of a write. */
GRACESLAB_API int gs_trace_dump(int file);
/* Lets `graceslab top`, `slabinfo`, `why` and `trace` of the same user look at this process, as
 * GRACESLAB_OBSERVE=1 does at start: a thread serves a socket (docs/guide/observing.md).
 * - Waits for: nothing. Does not: carry over to a forked child until that uses the library; a
 *   program that is executed begins anew.
 * - Context: any but signal handlers and the hooks of helper threads.
 * - Returns: 0, also when it is served already; the negative error number of what the system
 *   refused, which is reported (`no-observer`). */
GRACESLAB_API int gs_observe_start(void);
/* Ends that.
 * - Waits for: the serving thread to leave the answer that it is at. Does not: wait for peers.
 * - Context: as above. */
GRACESLAB_API void gs_observe_stop(void);

struct gs_domain_stats {
  uint64_t started; /* grace periods */
  uint64_t completed;
  uint64_t callbacks_posted;
  uint64_t callbacks_invoked;
  uint64_t retired; /* objects, all caches of the domain */
  uint64_t reclaimed;
  uint64_t readers; /* registered slots */
  uint64_t stalls;  /* stall reports made */
  int fence;        /* enum gs_fence */
};
enum gs_fence {
  GS_FENCE_MEMBARRIER = 0,
  GS_FENCE_READER = 1,
  GS_FENCE_MPROTECT = 2,
  GS_FENCE_NONE = 3
};
GRACESLAB_API void gs_domain_read_stats(struct gs_domain* domain, struct gs_domain_stats* stats);

struct gs_object_info {
  struct kmem_cache* cache;
  char cache_name[64];
  void* object; /* its start */
  int state;    /* enum gs_state; -1 = not ours */
  size_t size;
};
GRACESLAB_API int gs_object_lookup(const void* pointer,
                                   struct gs_object_info* info); /* 0, or -ENOENT */
GRACESLAB_API void gs_dump_object(const void* pointer);          /* one report */

/* ---- reports, configuration, time, faults ---- */

/* One value per kind of report; gs_report_name() gives the word that stands in the text. */
enum gs_report {
  GS_REPORT_FOREIGN_POINTER,
  GS_REPORT_WRONG_CACHE,
  GS_REPORT_DOUBLE_FREE,
  GS_REPORT_DOUBLE_RETIRE,
  GS_REPORT_RETIRE_OF_FREED,
  GS_REPORT_FREE_OF_RETIRED,
  GS_REPORT_CORRUPT_OBJECT,
  GS_REPORT_BAD_CACHE_ARGUMENTS,
  GS_REPORT_STALE_HANDLE,
  GS_REPORT_ZERO_WITH_CONSTRUCTOR,
  GS_REPORT_DESTROY_WITH_OBJECTS,
  GS_REPORT_LATE_FREE,
  GS_REPORT_LEAK,
  GS_REPORT_DOUBLE_CALLBACK,
  GS_REPORT_SYNCHRONIZE_IN_READER,
  GS_REPORT_BARRIER_IN_READER,
  GS_REPORT_BARRIER_IN_CALLBACK,
  GS_REPORT_WAIT_IN_CALLBACK,
  GS_REPORT_UNLOCK_WITHOUT_LOCK,
  GS_REPORT_NESTING_OVERFLOW,
  GS_REPORT_THREAD_ENDED_IN_READER,
  GS_REPORT_STALL,
  GS_REPORT_DOMAIN_BUSY,
  GS_REPORT_CLOSED_DOMAIN,
  GS_REPORT_REARMING_CALLBACK,
  GS_REPORT_OWNER_UNLOADED,
  GS_REPORT_EARLY_RECLAIM,
  GS_REPORT_OVER_LIMIT,
  GS_REPORT_NO_THREAD,
  GS_REPORT_NO_FENCE,
  GS_REPORT_EXIT_UNDRAINED,
  GS_REPORT_LAYOUT_MISMATCH,
  GS_REPORT_BAD_CONFIG,
  GS_REPORT_OBJECT,    /* what kmem_dump_obj() found */
  GS_REPORT_NO_MEMORY, /* an allocation with __GFP_NOFAIL waits, or never will succeed */
  GS_REPORT_NO_RECORD,
  GS_REPORT_WAIT_UNPROVED,            /* the system refuses every fence, and a wait goes on */
  GS_REPORT_BAD_LINKAGE,              /* two copies of the library, or one that may be unmapped */
  GS_REPORT_WAIT_IN_CONSTRUCTOR,      /* of the same cache, by a barrier or its destroy */
  GS_REPORT_USE_OF_FREED,             /* ksize() of an object that is free */
  GS_REPORT_THREAD_ENDED_IN_CALLBACK, /* pthread_exit() in a callback or destructor */
  GS_REPORT_TRACE,                    /* what happens to the objects of a cache with SLAB_TRACE */
  GS_REPORT_LEAKS_AT_EXIT,            /* what is allocated at exit, with GRACESLAB_LEAKS_AT_EXIT */
  GS_REPORT_NO_OBSERVER,              /* the system refuses what gs_observe_start() needs */
  /* Of objects that stand between guard pages, with GRACESLAB_GUARD: */
  GS_REPORT_USE_AFTER_FREE,
  GS_REPORT_USE_AFTER_GRACE_PERIOD,
  GS_REPORT_OUT_OF_BOUNDS,
  GS_REPORT_KINDS
};
typedef void (*gs_report_handler)(enum gs_report kind, const char* text, size_t bytes, void* arg);
GRACESLAB_API const char* gs_report_name(enum gs_report kind);
GRACESLAB_API uint64_t gs_report_count(enum gs_report kind);
/* NULL restores the default: one write, which does not block, to what standard error is now. A
 * handler runs where the misuse was found, and is told of every one of a flood. Another thread may
 * be in the old one still, with its argument, when this returns. */
GRACESLAB_API void gs_report_set_handler(gs_report_handler handler, void* arg);
/* Reports that nobody was told of: standard error was full, gone, or no longer what it was when the
 * program started, or they came as a flood. The next one that can be written says how many. */
GRACESLAB_API uint64_t gs_reports_unsaid(void);

struct gs_config_item {
  const char* variable; /* environment variable */
  const char* value;
  const char* fallback; /* default */
  const char* meaning;
  const char* legal; /* "linger|report|wait", "1 to 64" */
};
GRACESLAB_API size_t gs_config_items(struct gs_config_item* items, size_t n);
/* Sets by variable name at run time. 0, or -EINVAL (reported). */
GRACESLAB_API int gs_config_set(const char* variable, const char* value);

/* Called on each of the library's own threads (gs-callback, gs-reclaim), first and last thing, with
 * its name and under no lock. For threads that are started from now on; NULL: none. A thread ends
 * after GRACESLAB_HELPER_IDLE_MS without work, and another is started when there is some.
 * - Does not: wait for anything; threads that run keep the hooks that they were started with.
 * - Context: any but handlers, forks and the hooks themselves.
 * - Errors: none. */
typedef void (*gs_helper_hook)(const char* name, void* arg);
GRACESLAB_API void gs_helper_hooks_set(gs_helper_hook started, gs_helper_hook ending, void* arg);

/* Tests drive time: in virtual mode the library's clock moves only by gs_clock_advance(), which
 * also wakes sleepers. */
GRACESLAB_API void gs_clock_virtual(int on);
GRACESLAB_API void gs_clock_advance(uint64_t ms);
GRACESLAB_API uint64_t gs_clock_now_ms(void);

enum gs_fault_site {
  GS_FAULT_PAGES,  /* pages for slabs and large runs */
  GS_FAULT_ARRAY,  /* sheaves and callback arrays */
  GS_FAULT_META,   /* descriptors, records, reader chunks */
  GS_FAULT_THREAD, /* starting a background thread */
  GS_FAULT_SITES
};
struct gs_fault {
  uint32_t probability_per_million; /* of those that the interval lets through */
  uint32_t interval;                /* every n-th attempt; 0 and 1 = all */
  int64_t times;                    /* how often at most; negative = without limit; 0 = off */
  uint32_t cache;                   /* only this cache id; 0 = any */
};
GRACESLAB_API void gs_fault_set(enum gs_fault_site site,
                                const struct gs_fault* fault); /* NULL = off */
GRACESLAB_API uint64_t gs_fault_hits(enum gs_fault_site site);

GS_EXTERN_C_END
#endif
