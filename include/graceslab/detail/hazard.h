/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Protecting one object by a hazard pointer. C11 and C++20; the only implementation of the fast
 * path.
 * - State: one word per slot: the object that its owner protects, or NULL. A slot belongs to one
 *   hazard pointer, or lies in one thread's list of spare ones. Slots are never unmapped.
 * - Equation: tid == 0 <=> no hazard pointer owns the slot.
 */
#ifndef GRACESLAB_DETAIL_HAZARD_H
#define GRACESLAB_DETAIL_HAZARD_H

#include <stddef.h>
#include <stdint.h>

#include "atomic.h"
#include "config.h"

GS_EXTERN_C_BEGIN

struct gs_hazard_slot {
  const void* pointer;
  struct gs_hazard_slot* next; /* in a thread's spare ones */
  uint32_t tid;                /* of the thread that made its hazard pointer */
  uint32_t in_use;             /* owned, or somebody's spare one */
  uint32_t fenced;             /* its owner fences itself: the system has no fence for all */
} __attribute__((aligned(GS_CACHE_LINE)));

struct gs_hazard_local {
  struct gs_hazard_slot* spare;
  uint32_t tid;  /* 0: nobody will be told when this thread ends, so it keeps no spare ones */
  uint32_t room; /* for so many more of them */
};
GRACESLAB_API extern __thread struct gs_hazard_local gs_hazard_tls
    __attribute__((tls_model("initial-exec")));
/* 1 while somebody looks at the slots one by one. */
GRACESLAB_API extern uint32_t gs_hazard_scanning;

/* Out of line: no spare slot (NULL: no memory), no room for more, a copy during a scan. */
GRACESLAB_API struct gs_hazard_slot* gs_hazard_make(void);
GRACESLAB_API void gs_hazard_give_back(struct gs_hazard_slot* slot);
GRACESLAB_API void gs_hazard_note_copy(const void* object);

static inline struct gs_hazard_slot* gs_hazard_take(void) {
  struct gs_hazard_slot* slot = gs_hazard_tls.spare;
  if (GS_UNLIKELY(slot == NULL)) return gs_hazard_make();
  gs_hazard_tls.spare = slot->next;
  ++gs_hazard_tls.room;
  gs_store_relaxed(&slot->tid, gs_hazard_tls.tid);
  return slot;
}

/* ORDER hazard.clear <-> hazard.scan   (docs/ordering/hazard-pointers.md, claim 2)
 * The release store publishes every access that the protection covered to the scan that finds the
 * slot without it. */
static inline void gs_hazard_clear(struct gs_hazard_slot* slot) {
  gs_store_release(&slot->pointer, (const void*)NULL);
}

/* ORDER hazard.announce <-> hazard.scan   (docs/ordering/hazard-pointers.md, claim 1)
 * The slot names the object, light fence, then the caller loads the source again. Whoever reclaims
 * unlinks, retires, heavy-fences, then loads our slot: if it misses our store, we find the source
 * changed. The store is a release as in gs_hazard_clear(). */
static inline void gs_hazard_announce(struct gs_hazard_slot* slot, const void* object) {
  gs_store_release(&slot->pointer, object);
  /* ORDER hazard.fenced <-> hazard.scan   (docs/ordering/hazard-pointers.md, claim 3) */
  if (GS_UNLIKELY(slot->fenced)) gs_full_fence();
  gs_light_fence();
}

/* ORDER hazard.copy <-> hazard.scan   (docs/ordering/hazard-pointers.md, claim 4)
 * What another slot protects, with no source to look at again: that slot may be cleared as soon as
 * we return, and a scan may have passed ours before our store. It then finds a note. */
static inline void gs_hazard_copy(struct gs_hazard_slot* slot, const void* object) {
  gs_hazard_announce(slot, object);
  if (GS_UNLIKELY(gs_load_relaxed(&gs_hazard_scanning) != 0)) gs_hazard_note_copy(object);
}

static inline void gs_hazard_give(struct gs_hazard_slot* slot) {
  gs_hazard_clear(slot);
  gs_store_relaxed(&slot->tid, 0u);
  if (GS_UNLIKELY(gs_hazard_tls.room == 0)) {
    gs_hazard_give_back(slot);
    return;
  }
  --gs_hazard_tls.room;
  slot->next = gs_hazard_tls.spare;
  gs_hazard_tls.spare = slot;
}

GS_EXTERN_C_END
#endif
