/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Entering and leaving a read-side critical section. C11 and C++20; the only implementation of the
 * fast path.
 * - State: one word per (thread, domain): bit 63 whether somebody sleeps until this section ends,
 *   bits 62..16 the domain's sequence at entry, bits 15..0 the nesting.
 * - Equation: inside a section <=> (word & GS_NEST_MASK) != 0.
 * - Awaited: whoever sets bit 63 makes the nesting read GS_NEST_MASK, too, so the section's end
 *   comes out of line as well, and wakes the sleeper.
 * - Not yet registered: a thread without a slot points at gs_reader_dummy, a constant whose nesting
 *   reads GS_NEST_MASK, so the one compare that every path makes anyway sends it out of line;
 *   fallback modes stay there on purpose.
 */
#ifndef GRACESLAB_DETAIL_READER_H
#define GRACESLAB_DETAIL_READER_H

#include <stdint.h>

#include "atomic.h"
#include "config.h"

GS_EXTERN_C_BEGIN

#define GS_NEST_MASK 0xffffu
#define GS_SEQ_SHIFT 16
#define GS_AWAITED ((uint64_t)1 << 63)

/* The part of a reader slot that the fast path touches. A slot owns its cache line(s). */
struct gs_reader {
  uint64_t word;
};

/* The word of a section that begins at sequence `seq`: one level deep. */
#define GS_ENTRY(seq) (((uint64_t)(seq) << GS_SEQ_SHIFT & ~GS_AWAITED) | 1u)

/* The part of a domain that readers load, alone on its line: GS_ENTRY of the grace-period sequence,
 * ready to be stored. Not at the start of the line, where slots have their words: a load whose page
 * offset is that of a store just made waits for it on many processors. */
struct gs_domain_hot {
  uint64_t before[GS_CACHE_LINE / 16];
  uint64_t entry;
  uint64_t after[GS_CACHE_LINE / 16 - 1];
} __attribute__((aligned(GS_CACHE_LINE)));

GRACESLAB_API extern struct gs_domain_hot gs_default_hot;

/* Out of line: first use by this thread, fallback modes, level 65 535 and beyond, unlock without
 * lock, and a section that a grace period sleeps for. */
GRACESLAB_API void gs_read_lock_slow(void);
GRACESLAB_API void gs_read_unlock_slow(void);

/* ORDER reader.announce <-> gp.scan   (docs/ordering/grace-period.md, claims 1 and 2)
 *
 * The section announces itself (release store), light-fences, then loads pointers; the updater
 * unlinks, heavy-fences, then loads our word. If the updater misses our word, our later loads find
 * the new pointers; if we find an old pointer, the updater finds our word and waits.
 *
 * ORDER reader.sequence <-> gp.start   (claim 3)
 *
 * A section that loads a sequence at or after a grace period's start (acquire) sees all that went
 * before that start. */
static inline void gs_reader_enter(struct gs_reader* slot, const uint64_t* entry,
                                   void (*slow)(void)) {
  uint64_t word = gs_load_relaxed(&slot->word);
  uint16_t nest = (uint16_t)word; /* GS_NEST_MASK; compilers compare the narrow type in one step */
  if (GS_LIKELY(nest == 0))
    gs_store_release(&slot->word, gs_load_acquire(entry));
  else if (GS_LIKELY(nest != GS_NEST_MASK))
    gs_store_release(&slot->word, word + 1);
  else
    slow();
  gs_light_fence();
}

/* ORDER reader.leave <-> gp.scan, gp.inside   (docs/ordering/grace-period.md, claims 2 and 10)
 * The release store publishes every access of the section to the scan that finds the word idle. */
static inline void gs_reader_leave(struct gs_reader* slot, void (*slow)(void)) {
  uint64_t word = gs_load_relaxed(&slot->word);
  uint16_t nest = (uint16_t)word;
  gs_light_fence();
  if (GS_LIKELY(nest == 1))
    gs_store_release(&slot->word, (uint64_t)0); /* a constant: waits for no load */
  else if (GS_LIKELY((uint16_t)(nest - 1u) < GS_NEST_MASK - 1u))
    gs_store_release(&slot->word, word - 1);
  else /* 0 (no section) or the mask (dummy, the last level, or awaited) */
    slow();
}

GS_EXTERN_C_END
#endif
