// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Making slots, and what becomes of them when threads end and processes fork.
#include "hazard/slots.hpp"

#include "os/fence.hpp"
#include "os/keep_errno.hpp"
#include "os/pages.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"

constinit __thread struct gs_hazard_local gs_hazard_tls
    __attribute__((tls_model("initial-exec"))) = {};

namespace graceslab::hazard {

slot_chunk* chunks;

namespace {

constexpr std::uint32_t spares_most = 16;  // a KiB of each thread, which every scan looks at

void free_slot(gs_hazard_slot& slot) noexcept {
  // ORDER hazard.free <-> hazard.claim   (docs/ordering/hazard-pointers.md, claim 5)
  gs_store_release(&slot.in_use, 0u);
}

bool claim(gs_hazard_slot& slot) noexcept {
  if (gs_load_relaxed(&slot.in_use) != 0) return false;
  // ORDER hazard.claim <-> hazard.free   (docs/ordering/hazard-pointers.md, claim 5)
  std::uint32_t expected = 0;
  return gs_compare_exchange(&slot.in_use, &expected, 1u);
}

gs_hazard_slot* claim_any() noexcept {
  for (slot_chunk* c = newest_chunk(); c; c = c->next)
    for (gs_hazard_slot& slot : c->slot)
      if (claim(slot)) return &slot;
  return nullptr;
}

gs_hazard_slot* claim_in_new_chunk() noexcept {
  auto* c = static_cast<slot_chunk*>(os::map(sizeof(slot_chunk), GS_FAULT_META));
  if (!c) return nullptr;
  for (gs_hazard_slot& slot : c->slot) slot.fenced = os::readers_fence();
  c->slot[0].in_use = 1;
  // ORDER hazard.append <-> hazard.walk   (docs/ordering/hazard-pointers.md, claim 5)
  c->next = gs_load_relaxed(&chunks);
  while (!gs_compare_exchange(&chunks, &c->next, c)) {
  }
  return &c->slot[0];
}

}  // namespace

const void* look_at(const gs_hazard_slot& slot) noexcept {
  // ORDER hazard.scan <-> hazard.announce   (docs/ordering/hazard-pointers.md, claim 1)
  // ORDER hazard.scan <-> hazard.clear      (claim 2)
  // ORDER hazard.scan <-> hazard.fenced     (claim 3)
  // ORDER hazard.scan <-> hazard.copy       (claim 4)
  // ORDER hazard.scan <-> hazard.note       (claim 4)
  const void* pointer = gs_load_acquire(&slot.pointer);
  os::take_over(&slot.pointer);
  return pointer;
}

// A thread that nobody tells the end of keeps no spare slots.
static gs_hazard_slot* make_slot() noexcept {
  os::keep_errno keep;
  gs_hazard_slot* slot = claim_any();
  if (!slot) slot = claim_in_new_chunk();
  if (!slot) return nullptr;
  const sync::thread_record* record = sync::this_thread();
  if (gs_hazard_tls.tid == 0 && record && sync::end_is_told(*record)) {
    gs_hazard_tls.tid = os::tid();
    gs_hazard_tls.room = spares_most;
  }
  gs_store_relaxed(&slot->tid, os::tid());
  return slot;
}

void end_thread_slots(sync::thread_record& record) noexcept {
  if (!record.tls) return;  // in a forked child: see below
  while (gs_hazard_slot* slot = gs_hazard_tls.spare) {
    gs_hazard_tls.spare = slot->next;
    free_slot(*slot);
  }
  gs_hazard_tls.tid = gs_hazard_tls.room = 0;
}

static std::uint32_t forker;  // under scan_lock

void slots_before_fork() noexcept { forker = os::tid(); }

// Threads that are not here protect nothing any more. A slot that one of them owned stays its
// hazard pointer's, which may have been moved to where this thread finds it; their spare ones are
// free.
void slots_after_fork_in_child() noexcept {
  const std::uint32_t self = os::tid();
  if (gs_hazard_tls.tid != 0) gs_hazard_tls.tid = self;
  for (gs_hazard_slot* s = gs_hazard_tls.spare; s; s = s->next) s->tid = forker;
  for_each_slot([self](gs_hazard_slot& s) {
    if (s.in_use == 0) return;
    if (s.tid == forker)
      s.tid = self;
    else if (s.tid == 0)
      free_slot(s);
    else
      gs_hazard_clear(&s);
  });
  for (gs_hazard_slot* s = gs_hazard_tls.spare; s; s = s->next) s->tid = 0;
}

}  // namespace graceslab::hazard

struct gs_hazard_slot* gs_hazard_make(void) {
  return graceslab::hazard::make_slot();
}
void gs_hazard_give_back(struct gs_hazard_slot* slot) { graceslab::hazard::free_slot(*slot); }
