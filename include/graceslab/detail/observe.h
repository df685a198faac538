/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What a process that opted in (GRACESLAB_OBSERVE=1, gs_observe_start()) says through its socket.
 *
 * - Socket: AF_UNIX, SOCK_SEQPACKET, in the abstract name space, its name made of
 *   GS_OBSERVE_SOCKET and the process id. Peers of another user are hung up on.
 * - Order: a HELLO from the process, then requests, LIST, WHY or TRACE, one at a time. The answer
 *   is any number of DOMAIN, CACHE or TEXT messages and one END.
 * - Messages: begin with the head; a number that is not known is 0. What is no request ends the
 *   connection, as does an answer that is not fetched for some seconds.
 * - Versions: a change of anything in here raises GS_OBSERVE_VERSION.
 */
#ifndef GRACESLAB_DETAIL_OBSERVE_H
#define GRACESLAB_DETAIL_OBSERVE_H

#include <stdint.h>

#define GS_OBSERVE_MAGIC 0x67736f62u
#define GS_OBSERVE_VERSION 2u
#define GS_OBSERVE_SOCKET "graceslab-observe-%u"

enum gs_observe_kind {
  GS_OBSERVE_HELLO = 1,
  GS_OBSERVE_LIST = 2, /* request: all domains and caches */
  GS_OBSERVE_WHY = 3,  /* request: a TEXT for each cache of that name */
  GS_OBSERVE_DOMAIN = 4,
  GS_OBSERVE_CACHE = 5,
  GS_OBSERVE_TEXT = 6,
  GS_OBSERVE_END = 7,
  GS_OBSERVE_TRACE = 8 /* request: lines of the trace, whole ones in each TEXT; none where
                          nothing is recorded */
};

struct gs_observe_head {
  uint32_t magic;
  uint16_t version;
  uint16_t kind;  /* enum gs_observe_kind */
  uint32_t bytes; /* of the message, this head too */
  uint32_t unused;
};

struct gs_observe_hello {
  struct gs_observe_head head;
  uint32_t pid;    /* as the process knows itself */
  uint32_t layout; /* GS_LAYOUT_VERSION */
  char library[16];
};

struct gs_observe_request {
  struct gs_observe_head head;
  char cache[64]; /* of WHY: a name, or #ID; ends with a zero */
};

struct gs_observe_domain {
  struct gs_observe_head head;
  char name[48];
  uint32_t id;
  uint32_t fence;   /* enum gs_fence */
  uint64_t started; /* grace periods */
  uint64_t completed;
  uint64_t callbacks_posted;
  uint64_t callbacks_invoked;
  uint64_t retired; /* objects */
  uint64_t reclaimed;
  uint64_t pending_bytes; /* of page runs that wait */
  uint64_t memory_bytes;  /* slabs and runs of its caches */
  uint64_t stalls;
  uint32_t slots;   /* threads that were ever inside, and live */
  uint32_t readers; /* threads inside now */
  uint32_t barrier_waiters;
  uint32_t unseen; /* 1: somebody was at work on its grace periods all the time, and who holds them
                      back is not known */
  uint64_t oldest_ms;     /* a section holds the oldest grace period back for at least so long */
  uint32_t oldest_thread; /* whose; 0: none does */
  uint32_t oldest_nesting;
  char oldest_name[16];
};

struct gs_observe_cache {
  struct gs_observe_head head;
  char name[64];
  uint32_t id;
  uint32_t domain; /* id */
  uint32_t stage;  /* enum gs_stage */
  uint32_t policy; /* enum gs_policy */
  uint32_t flags;  /* SLAB_* */
  uint32_t unseen; /* 1: it was busy all the time, and nothing below is known */
  uint64_t object_bytes;
  uint64_t stride_bytes;
  uint64_t slab_bytes; /* of one */
  uint64_t slab_objects;
  uint64_t slabs;
  uint64_t slabs_used; /* that hold an object which is not free */
  uint64_t objects;    /* that exist */
  uint64_t allocated;  /* of these; what lies in a thread's arrays counts */
  uint64_t free_in_slabs;
  uint64_t parked;   /* free, in the arrays that threads share */
  uint64_t ready;    /* retired, and their grace period is over */
  uint64_t deferred; /* retired, and waiting for it */
  uint64_t retired;  /* since creation, as far as it left the threads' arrays */
  uint64_t reclaimed;
  uint64_t unborn; /* their constructor runs */
  uint64_t leaked;
  uint64_t late_frees;
  uint64_t resident_bytes;
  uint64_t oldest_ms;    /* something that is deferred waits for at least so long */
  uint64_t destroyed_ms; /* since it was destroyed */
};

#define GS_OBSERVE_TEXT_MAX 4096u /* bytes behind the head of a TEXT */

struct gs_observe_end {
  struct gs_observe_head head;
  uint64_t now_ns;   /* of the process: a monotonic clock, for rates */
  uint64_t messages; /* that came before */
};

#endif
