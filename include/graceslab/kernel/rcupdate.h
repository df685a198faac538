/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* RCU under the kernel's names, for C11 and C++20. Inline functions over prefixed symbols: nothing
 * here rewrites std::rcu_barrier or gets in the way of another RCU library in the same process. A
 * macro stands only where the form needs the pointer's type or names a field.
 *
 * Unless a comment says otherwise: callable from any thread with no registration, before main, in
 * thread exit, inside readers; not from signal handlers (readers are legal there once the thread
 * has used a reader before).
 */
#ifndef GRACESLAB_KERNEL_RCUPDATE_H
#define GRACESLAB_KERNEL_RCUPDATE_H

#include <stdbool.h>
#include <stdlib.h>

#include "../detail/owner.h"

GS_EXTERN_C_BEGIN

/* ---- readers ---- */

/* Enters a read-side critical section of the default domain.
 * - Waits for: nothing.
 * - Does not: order readers among themselves, or exclude updaters.
 * - Context: any, signal handlers too once this thread has used a reader. Nests to 65 535 levels;
 *   the next one is reported. A section may sleep.
 * - Blocks: never. After the first use no allocation; no system call but to wake who sleeps for it.
 * - Returns: nothing. Errors: none.
 * - Cost: two loads and a store of this thread's own line. Source: kernel rcu_read_lock(). */
static inline void rcu_read_lock(void) {
  gs_reader_enter(gs_tls.reader, &gs_default_hot.entry, gs_read_lock_slow);
}

/* Leaves the innermost section. An unlock without a lock is reported and has no effect. As
 * rcu_read_lock() otherwise. */
static inline void rcu_read_unlock(void) { gs_reader_leave(gs_tls.reader, gs_read_unlock_slow); }

/* The nesting level of this thread: nonzero inside a section of the default domain. Never blocks or
 * fails. Any context. Cost: two loads; a call before the thread's first section, beyond 65 534
 * levels, and in a section that a grace period sleeps for. Source: kernel rcu_read_lock_held(). */
static inline int rcu_read_lock_held(void) {
  uint16_t nest = (uint16_t)gs_load_relaxed(&gs_tls.reader->word);
  return GS_LIKELY(nest != GS_NEST_MASK) ? (int)nest : gs_read_held(NULL);
}

/* ---- publish and subscribe ---- */

/* ORDER publish.store <-> subscribe.load   (docs/ordering/publish.md, claim 1)
 * Everything written before rcu_assign_pointer() is seen through the pointer that rcu_dereference()
 * returns. */
#define rcu_assign_pointer(p, v) gs_store_release(&(p), (v))
/* Initialises a pointer that no reader can see yet, or sets it to NULL: no ordering. */
#define RCU_INIT_POINTER(p, v) gs_store_relaxed(&(p), (v))

/* ORDER subscribe.load <-> publish.store   (docs/ordering/publish.md, claim 1)
 * Loads a pointer that stays valid until the section ends. An acquire load; call it inside a
 * section. */
#define rcu_dereference(p) gs_load_acquire(&(p))
/* The same for callers that hold the update lock or know why no reader is needed; `c` documents and
 * is evaluated. */
#define rcu_dereference_check(p, c) ((void)(c), gs_load_acquire(&(p)))
#define rcu_dereference_raw(p) gs_load_acquire(&(p))
/* For updaters that hold the lock which excludes all other updaters: a plain load suffices. */
#define rcu_dereference_protected(p, c) ((void)(c), gs_load_relaxed(&(p)))
/* The value alone, for comparing, never for following. */
#define rcu_access_pointer(p) gs_load_relaxed(&(p))
/* Publishes `v` and gives the old pointer back; the caller holds the update lock, which `c`
 * documents. */
#define rcu_replace_pointer(p, v, c) ((void)(c), gs_exchange(&(p), (v)))

/* ---- grace periods ---- */

/* Waits until every reader that was inside a section when the call began has left it.
 * - Waits for: pre-existing readers of the default domain.
 * - Does not: wait for later readers, **nor for callbacks, nor for kfree_rcu()**; see rcu_barrier()
 *   and kfree_rcu_barrier(). It runs none either, so its caller may hold what a callback takes.
 * - Context: not inside a section: that is reported, every other section that existed is waited
 *   for, and the call returns.
 * - Blocks: until the grace period is over: microseconds with no reader, else as long as the
 *   slowest reader. While the system refuses every process-wide fence it reports (`wait-unproved`)
 *   and goes on.
 * - Returns: nothing, and never before. Errors: none.
 * - Cost: one membarrier and a scan of the reader slots. Source: kernel synchronize_rcu(). */
static inline void synchronize_rcu(void) { gs_synchronize(NULL); }
/* The same with more spinning before sleeping: changes speed only. */
static inline void synchronize_rcu_expedited(void) { gs_synchronize_expedited(NULL); }

/* Cookies: 64-bit, never wrap in practice; one that has been done stays done; "done" implies full
 * ordering. None of these but cond_synchronize_rcu() blocks; that one blocks as synchronize_rcu()
 * does, or not at all when done. */
static inline unsigned long get_state_synchronize_rcu(void) { return gs_gp_state(NULL); }
static inline unsigned long start_poll_synchronize_rcu(void) { return gs_gp_start_poll(NULL); }
static inline bool poll_state_synchronize_rcu(unsigned long cookie) {
  return gs_gp_poll(NULL, cookie) != 0;
}
static inline void cond_synchronize_rcu(unsigned long cookie) {
  gs_gp_cond_synchronize(NULL, cookie);
}
/* A cookie that is always done. */
static inline unsigned long get_completed_synchronize_rcu(void) { return 0; }

/* ---- callbacks ---- */

/* Runs func(head) after a full grace period, on a background thread or on a thread that waits in a
 * barrier.
 * - Waits for: nothing.
 * - Does not: promise an order between callbacks, or that they run one at a time.
 * - Context: any but signal handlers: readers, callbacks, thread exit, before main.
 * - Blocks: never, and needs no memory. Keeps errno.
 * - Returns: nothing. Errors: the same head queued twice is reported and dropped; after the domain
 *   was closed it is reported.
 * - Cost: a short lock of one of the queues. Source: kernel call_rcu().
 * - Note: `head` may be uninitialised; func may block, call synchronize_rcu() and call_rcu(), and
 *   free. The shared object that calls this inline function owns the callback: dlclose() waits for
 *   it. */
static inline void call_rcu(struct rcu_head* head, rcu_callback_t func) {
  gs_call_rcu(NULL, head, func, gs_this_module());
}
/* The same, with the grace period started at once: changes speed only. */
static inline void call_rcu_hurry(struct rcu_head* head, rcu_callback_t func) {
  gs_call_rcu_hurry(NULL, head, func, gs_this_module());
}

/* Waits until every callback queued before the call has been invoked and has returned.
 * - Waits for: callbacks whose call_rcu() returned before (happens-before) the call, in the default
 *   domain.
 * - Does not: wait for kfree_rcu() (but with GRACESLAB_BARRIER_COVERS_RETIRE=1), and **does not
 *   imply a grace period**: with nothing queued it returns at once.
 * - Context: inside a callback: reported; waits for all but those on its own stack. Inside a
 *   section: reported and returns without having waited.
 * - Blocks: until the callbacks are done; the caller helps to run them. One that runs for longer
 *   than GRACESLAB_STALL_MS is reported, with its thread and stack.
 * - Returns: nothing. Errors: none. Source: kernel rcu_barrier(). */
static inline void rcu_barrier(void) { gs_rcu_barrier(NULL); }

/* ---- retiring: see slab.h for the caches ---- */

/* Gives memory back to its cache after a grace period: kfree_rcu(pointer, field) or, as
 * kvfree_rcu() too, with the name of its rcu_head. The head is not needed here and is accepted for
 * the kernel's sake. NULL is a no-op.
 * - Waits for: nothing.
 * - Does not: count as a callback: wait for it by kfree_rcu_barrier() or kmem_cache_free_barrier().
 * - Context: any but signal handlers.
 * - Blocks: never (but where a limit with the policy `block` was set), and needs no memory. Keeps
 *   errno.
 * - Returns: nothing. Errors: foreign pointers, double retire, retire of a freed object: reported,
 *   left alone.
 * - Cost: a push into this thread's array of the object's cache. Source: kernel kfree_rcu(). */
#define kfree_rcu(p, field) gs_retire_checked((p), sizeof((p)->field))
#define kvfree_rcu(p, field) kfree_rcu(p, field)
static inline void gs_retire_checked(const void* object, size_t head_bytes) {
  (void)head_bytes; /* names the field, so that a wrong one does not compile */
  gs_retire(object);
}

/* The form without a head. NULL is a no-op.
 * - Waits for: nothing, or a grace period when there is no memory for an array: then it frees
 * before it returns.
 * - Does not: count as a callback.
 * - Context: any but signal handlers; inside a section it does not wait, whatever happens.
 * - Blocks: only without memory.
 * - Returns: nothing. Errors: as kfree_rcu(). Source: kernel kfree_rcu_mightsleep(). */
static inline void kfree_rcu_mightsleep(const void* object) { gs_retire_mightsleep(object); }
static inline void kvfree_rcu_mightsleep(const void* object) { gs_retire_mightsleep(object); }

/* Waits until all memory retired before the call, in every cache of the default domain, has been
 * reclaimed.
 * - Waits for: retires that returned before (happens-before) the call.
 * - Does not: wait for callbacks, or for objects still allocated.
 * - Context: inside a section: reported, returns without having waited. Inside a callback:
 * reported, waits for all but what waits for that callback.
 * - Blocks: for one grace period, or not at all when nothing is pending. Concurrent callers share
 *   the work.
 * - Returns: nothing. Errors: none. Source: kernel kvfree_rcu_barrier(); "Waiting for kfree_rcu()"
 *   (2024). */
static inline void kfree_rcu_barrier(void) { gs_retire_barrier(NULL); }
static inline void kvfree_rcu_barrier(void) { gs_retire_barrier(NULL); }

GS_EXTERN_C_END
#endif
