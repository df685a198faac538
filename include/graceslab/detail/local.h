/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a typed cache inlines: popping from and pushing to this thread's arrays of objects. C11 and
 * C++20.
 * - State: gs_local, one record per (thread, cache) holding three sheaves: main and prev to
 * allocate from and free to, rcu for objects retired. gs_sheaf, an array of object pointers, never
 * inside object memory.
 * - Equations: 0 <= sheaf.count <= sheaf.capacity; object[0 .. count) are valid.
 * - Take-over: another thread may seize the record; see slab/takeover.hpp and
 *   docs/ordering/takeover.md.
 * - Detection: one state byte per object, out of line; found through one 16-byte record per 64 KiB
 *   granule.
 */
#ifndef GRACESLAB_DETAIL_LOCAL_H
#define GRACESLAB_DETAIL_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include "atomic.h"
#include "config.h"

GS_EXTERN_C_BEGIN

#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc99-extensions"
#endif
struct gs_sheaf {
  uint32_t count;
  uint32_t capacity;
  struct gs_sheaf* next; /* in whichever list holds it; owned by slab */
  uint64_t cookie;       /* grace period that a deferred sheaf waits for */
  uint64_t root;         /* of what destructors retired: the cookie of the retire that this began
                            with; 0: its own */
  void* ahead[4];        /* itself: what the lowest objects prefetch, so that nobody asks whether
                            there is an object below */
  __extension__ void* object[];
};
#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic pop
#endif

struct gs_local {
  uint8_t busy;    /* the owner is inside a pop or push */
  uint8_t pending; /* 0: rcu is empty; else for how many background ticks it was not */
  uint16_t closed; /* how many others hold the record closed; nonzero sends the owner elsewhere */
  uint32_t id;     /* of the cache; for life, while caches change */
  struct gs_sheaf* main;
  struct gs_sheaf* prev;
  struct gs_sheaf* rcu;
  uintptr_t handle;            /* of the cache: no other one ever has it */
  uint64_t inverse;            /* of the cache's stride; 0: a cache without detection */
  struct gs_local* next;       /* the cache's list of records */
  struct gs_local* seize_next; /* the list of whoever seizes many at once */
} __attribute__((aligned(GS_CACHE_LINE)));

enum gs_state { /* of one object */
                GS_STATE_FREE = 0,
                GS_STATE_LIVE = 1,
                GS_STATE_RETIRED =
                    2, /* retired, and perhaps reclaimed since: reclaiming touches no byte */
                GS_STATE_MARKED = 3,      /* retired without an array: its slab keeps the cookie */
                GS_STATE_MARKED_NEXT = 4, /* the same, for the slab's next cookie */
                GS_STATE_LEAKED = 5       /* left alone after misuse or damage */
};

#define GS_GRANULE_SHIFT 16 /* 64 KiB */

struct gs_granule {
  uint32_t cache;  /* id of the owning cache; 0 = nobody */
  uint32_t first;  /* index of the slab's first granule */
  uint8_t* states; /* state bytes of that slab's objects */
};

/* Where objects live; set once before the first cache exists. */
struct gs_heap_map {
  uintptr_t base;
  uintptr_t bytes;
  struct gs_granule* granules;
};
GRACESLAB_API extern struct gs_heap_map gs_heap;

/* Division by a stride: the upper half of offset * inverse is the index, exact for every offset
 * inside a slab, and the lower half is below the inverse exactly when no remainder is left. A
 * stride is at least 2; the inverse 1 makes every offset but 0 a remainder of index 0. */
__extension__ typedef unsigned __int128 gs_wide;
#define GS_INVERSE(stride) (UINT64_MAX / (stride) + 1)

/* The thread-local block: initial-exec, trivially constructed, a few hundred bytes. */
#define GS_TLS_CACHES 32
#define GS_TLS_FAR 256
struct gs_reader;
struct gs_tls {
  struct gs_reader* reader; /* this thread's slot in the default domain, or the dummy */
  struct gs_local* local[GS_TLS_CACHES];
  void* thread;          /* sync::thread_record, or NULL */
  struct gs_local** far; /* GS_TLS_FAR of caches beyond those: by the id's lower bits, the latest
                            used */
};
GRACESLAB_API extern __thread struct gs_tls gs_tls __attribute__((tls_model("initial-exec")));

/* ORDER takeover.enter <-> takeover.seize   (docs/ordering/takeover.md, claims 1 and 2)
 * We say busy, light-fence, then load closed; a seizer raises closed, heavy-fences, then loads
 * busy. One of us sees the other: either we stand aside or it waits.
 * ORDER takeover.reopened <-> takeover.close   (claim 3): zero shows what the last seizer left. */
GS_INLINE int gs_local_enter(struct gs_local* local) {
  gs_store_relaxed(&local->busy, (uint8_t)1);
  gs_light_fence();
  return GS_LIKELY(gs_load_acquire(&local->closed) == 0);
}

/* ORDER takeover.leave <-> takeover.seize   (claim 2): the seizer that reads busy = 0 sees our last
 * pop or push. */
GS_INLINE void gs_local_leave(struct gs_local* local) {
  gs_store_release(&local->busy, (uint8_t)0);
}

/* Powers of two that the compiler knows divide by shifting. 0: `offset` is no multiple. */
GS_INLINE int gs_divide(uint64_t offset, uint32_t stride, uint64_t inverse, uint64_t* index) {
  if (__builtin_constant_p(stride) && stride != 0 && (stride & (stride - 1)) == 0) {
    *index = offset / stride;
    return (offset & (stride - 1)) == 0;
  }
  gs_wide product = (gs_wide)offset * inverse;
  *index = (uint64_t)(product >> 64);
  return (uint64_t)product < inverse;
}

/* The state byte of an object that starts at `offset` of the heap, in a granule of one of the
 * cache's slabs; NULL when no object starts there. `stride` is 0 where the compiler does not know
 * it. */
GS_INLINE uint8_t* gs_state_in(const struct gs_granule* granule, uintptr_t offset, uint32_t stride,
                               uint64_t inverse) {
  uint64_t index;
  offset -= (uintptr_t)granule->first << GS_GRANULE_SHIFT;
  if (GS_UNLIKELY(!gs_divide(offset, stride, inverse, &index))) return NULL;
  uint8_t* state = &granule->states[index];
  if (state == NULL) __builtin_unreachable();
  return state;
}

/* The same for any pointer: NULL when it is no object of the given cache. */
GS_INLINE uint8_t* gs_state_of(const void* object, uint32_t cache, uint32_t stride,
                               uint64_t inverse) {
  uintptr_t offset = (uintptr_t)object - gs_heap.base;
  if (GS_UNLIKELY(offset >= gs_heap.bytes)) return NULL;
  const struct gs_granule* granule = &gs_heap.granules[offset >> GS_GRANULE_SHIFT];
  if (GS_UNLIKELY(gs_load_relaxed(&granule->cache) != cache)) return NULL;
  return gs_state_in(granule, offset, stride, inverse);
}

/* The same for an object that stood in one of the cache's arrays: what went in was checked. */
GS_INLINE uint8_t* gs_state_of_ours(const void* object, uint32_t stride, uint64_t inverse) {
  uintptr_t offset = (uintptr_t)object - gs_heap.base;
  const struct gs_granule* granule = &gs_heap.granules[offset >> GS_GRANULE_SHIFT];
  uint64_t index;
  (void)gs_divide(offset - ((uintptr_t)granule->first << GS_GRANULE_SHIFT), stride, inverse,
                  &index);
  return &granule->states[index];
}

/* Four objects below the top, or one of sheaf.ahead; an address, since it may lie before the array.
 */
GS_INLINE void** gs_sheaf_ahead(void** top) {
  return (void**)((uintptr_t)top - sizeof(((struct gs_sheaf*)NULL)->ahead));
}

/* Pops an object and marks it live; NULL when the slow path is needed. Commits by one store of the
 * count. */
GS_INLINE void* gs_local_take(struct gs_local* local, uint32_t stride) {
  if (gs_local_enter(local)) {
    struct gs_sheaf* main = local->main;
    uint32_t count = main->count;
    if (GS_LIKELY(count != 0)) {
      void** top = &main->object[count - 1];
      void* object = *top;
      if (object == NULL) __builtin_unreachable();
      __builtin_prefetch(*gs_sheaf_ahead(top), 1);
      uint64_t inverse = local->inverse;
      if (GS_LIKELY(inverse != 0))
        gs_store_relaxed(gs_state_of_ours(object, stride, inverse), (uint8_t)GS_STATE_LIVE);
      gs_store_relaxed(&main->count, count - 1);
      gs_local_leave(local);
      return object;
    }
  }
  gs_local_leave(local);
  return NULL;
}

/* The protected step of giving. `state` is NULL in a cache without detection. */
GS_INLINE int gs_local_push(struct gs_local* local, int retired, void* object, uint8_t* state) {
  if (gs_local_enter(local)) {
    struct gs_sheaf* sheaf = retired ? local->rcu : local->main;
    uint32_t count = sheaf->count;
    if (GS_LIKELY(count < sheaf->capacity && (count != 0 || !retired))) {
      if (state != NULL)
        gs_store_relaxed(state, (uint8_t)(retired ? GS_STATE_RETIRED : GS_STATE_FREE));
      sheaf->object[count] = object;
      gs_store_relaxed(&sheaf->count, count + 1);
      gs_local_leave(local);
      return 1;
    }
  }
  gs_local_leave(local);
  return 0;
}

/* Marks a live object free (retired != 0: retired) and pushes it; 0 when the slow path is needed:
 * array full, record closed, misuse to be told apart and reported there, or the first retire into
 * an empty array, which has to look whether the background thread sleeps. Nothing is changed then.
 */
GS_INLINE int gs_local_give_checked(struct gs_local* local, int retired, void* object,
                                    uint8_t* state) {
  if (GS_UNLIKELY(state == NULL || gs_load_relaxed(state) != GS_STATE_LIVE)) return 0;
  return gs_local_push(local, retired, object, state);
}
GS_INLINE int gs_local_give(struct gs_local* local, int retired, void* object, uint32_t cache,
                            uint32_t stride) {
  uint64_t inverse = gs_load_relaxed(&local->inverse);
  if (GS_UNLIKELY(inverse == 0))
    return object != NULL && gs_local_push(local, retired, object, NULL);
  return gs_local_give_checked(local, retired, object, gs_state_of(object, cache, stride, inverse));
}

GS_EXTERN_C_END
#endif
