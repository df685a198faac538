// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Entering and leaving sections out of line: first use, other domains, fallback modes, misuse.
#include "rcu/readers.hpp"

#include <climits>

#include "os/busted.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "os/keep_errno.hpp"
#include "os/midway.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"
#include "rcu/grace_period.hpp"

namespace graceslab::rcu {
namespace {

// The slots that this thread used last, by domain id: saves walking its list.
__thread reader_slot* slot_cache[handle_places] __attribute__((tls_model("initial-exec")));

sync::thread_record* known_record() noexcept {
  return static_cast<sync::thread_record*>(gs_tls.thread);
}

bool on_dummy() noexcept { return gs_tls.reader == &sync::reader_dummy; }

bool claim(reader_slot& slot) noexcept {
  if (gs_load_relaxed(&slot.in_use) != 0) return false;
  // ORDER slots.claim <-> slots.free   (docs/ordering/grace-period.md, claim 5)
  std::uint32_t expected = 0;
  return gs_compare_exchange(&slot.in_use, &expected, 1u);
}

void free_slot(reader_slot& slot) noexcept {
  // ORDER slots.free <-> slots.claim   (docs/ordering/grace-period.md, claim 5)
  gs_store_release(&slot.in_use, 0u);
}

reader_slot* claim_in(gs_domain* d) noexcept {
  for (reader_chunk* c = gs_load_acquire(&d->chunks); c; c = c->next)
    for (reader_slot& slot : c->slot)
      if (claim(slot)) return &slot;
  return nullptr;
}

reader_slot* claim_in_new_chunk(gs_domain* d) noexcept {
  auto* c = static_cast<reader_chunk*>(os::map(sizeof(reader_chunk), GS_FAULT_META));
  if (!c) return nullptr;
  for (reader_slot& slot : c->slot) slot.domain = d;
  c->slot[0].in_use = 1;
  // ORDER slots.append <-> slots.walk   (docs/ordering/grace-period.md, claim 6)
  c->next = gs_load_relaxed(&d->chunks);
  while (!gs_compare_exchange(&d->chunks, &c->next, c)) {
  }
  return &c->slot[0];
}

// One that this thread has in the record, from an earlier domain, serves.
reader_slot* register_slot(gs_domain* d) noexcept {
  if (reader_slot* slot = own_slot(d)) return slot;
  os::keep_errno keep;
  sync::thread_record* record = sync::this_thread();
  if (!record) return nullptr;
  reader_slot* slot = claim_in(d);
  if (!slot) slot = claim_in_new_chunk(d);
  if (!slot) return nullptr;
  gs_store_relaxed(&slot->tid, os::tid());
  slot->next_of_thread = static_cast<reader_slot*>(record->readers);
  record->readers = slot;
  return slot;
}

[[gnu::noinline]] void go_deeper(reader_slot* slot, std::uint64_t word) noexcept {
  gs_store_relaxed(&slot->extra, slot->extra + 1);
  if (levels_of(word, slot->extra) <= GS_NEST_MASK) return;
  report_here(GS_REPORT_NESTING_OVERFLOW,
              "domain '%s': read-side section nested %u levels deep, the limit is %u; "
              "the extra level is counted",
              domain_name(slot->domain), levels_of(word, slot->extra), GS_NEST_MASK);
}

[[gnu::noinline]] void not_inside(const gs_domain* d) noexcept {
  report_here(GS_REPORT_UNLOCK_WITHOUT_LOCK,
              "domain '%s': read-side unlock by thread %u, which is in no section; "
              "ignored",
              domain_name(d), os::tid());
}

void end_section(reader_slot* slot) noexcept {
  const bool awaited = is_awaited(gs_load_relaxed(&slot->reader.word));
  // ORDER reader.wake <-> await.sleep   (docs/ordering/grace-period.md, claim 14)
  gs_store_release(&slot->reader.word, std::uint64_t{0});
  if (awaited) os::futex_wake(&slot->reader.word, INT_MAX);
}

// The section has held a grace period back until its waiter went to sleep, perhaps because this
// thread lost its core inside. Now it holds nobody back: whoever wants the core may have it, so
// that the next grace period finds this thread outside.
[[gnu::noinline]] void leave_awaited(reader_slot* slot) noexcept {
  end_section(slot);
  os::yield();
}

void leave_slot(reader_slot* slot) noexcept {
  const std::uint64_t word = gs_load_relaxed(&slot->reader.word);
  gs_light_fence();
  os::hand_over(&slot->reader.word);
  if (nesting_of(word) == GS_NEST_MASK && slot->extra != 0)
    gs_store_relaxed(&slot->extra, slot->extra - 1);
  else if (is_awaited(word))
    leave_awaited(slot);
  else
    gs_store_release(&slot->reader.word, word - 1);
}

// False: the handle was taken away, and this is no section. Inside one it cannot be.
bool enter_slot(domain_ref r, reader_slot* slot) noexcept {
  const std::uint64_t word = gs_load_relaxed(&slot->reader.word);
  const std::uint32_t nest = nesting_of(word);
  if (nest == 0) {
    if (GS_UNLIKELY(gs_load_relaxed(&r.record->handle) != r.handle)) return false;
    os::open_window();
    // The same edges as in detail/reader.h: announce, then fence, then the caller loads pointers.
    gs_store_release(&slot->reader.word, gs_load_acquire(&r.record->hot->entry));
    os::take_over(&r.record->hot->entry);
    // ORDER reader.fenced <-> gp.scan   (docs/ordering/grace-period.md, claim 9)
    if (os::readers_fence()) gs_full_fence();
    gs_light_fence();
    os::open_window();
    // ORDER reader.named <-> domains.end   (docs/ordering/domains.md, claim 3)
    // Announce, then look at the handle; who ends the domain takes it away and then looks at us.
    if (GS_LIKELY(gs_load_relaxed(&r.record->handle) == r.handle)) return true;
    return leave_slot(slot), false;
  }
  if (nest != GS_NEST_MASK)
    gs_store_release(&slot->reader.word, word + 1);
  else
    go_deeper(slot, word);
  gs_light_fence();
  return true;
}

std::uint32_t slot_nesting(const reader_slot* slot) noexcept {
  return levels_of(gs_load_relaxed(&slot->reader.word), gs_load_relaxed(&slot->extra));
}

template <class Is>
reader_slot* find_slot(std::uintptr_t id, Is is) noexcept {
  sync::thread_record* record = known_record();
  if (!record) return nullptr;
  auto* slot = static_cast<reader_slot*>(record->readers);
  while (slot && !is(*slot)) slot = slot->next_of_thread;
  if (slot) slot_cache[id % handle_places] = slot;
  return slot;
}

// That this thread entered by this handle last; nullptr: none.
reader_slot* slot_named(std::uintptr_t handle) noexcept {
  reader_slot* slot = slot_cache[handle % handle_places];
  if (GS_LIKELY(slot && slot->handle == handle)) return slot;
  return find_slot(handle, [=](const reader_slot& s) { return s.handle == handle; });
}

void report_ended(const reader_slot* slot, const sync::thread_record& record) noexcept {
  os::report(GS_REPORT_THREAD_ENDED_IN_READER,
             "thread %u ended inside a read-side section of domain '%s' (nesting %u); the section "
             "was ended",
             record.tid, domain_name(slot->domain), slot_nesting(slot));
}

}  // namespace

reader_slot* own_slot(const gs_domain* d) noexcept {
  reader_slot* slot = slot_cache[d->id % handle_places];
  if (GS_LIKELY(slot && slot->domain == d)) return slot;
  return find_slot(d->id, [=](const reader_slot& s) { return s.domain == d; });
}

namespace {

// A handler that interrupted the library asks for no lock.
bool may_enter(domain_ref r) noexcept {
  return gs_load_relaxed(&r.record->handle) == r.handle || (!os::is_midway() && named(r));
}

// The handle is gone. Perhaps for the moment: then once more.
[[gnu::noinline]] void enter_anew(domain_ref r) noexcept {
  may_enter(r) ? enter(r) : report_stale(r, "read lock");
}

void enter_counted(domain_ref r) noexcept {
  overflow_enter(r.record);
  // ORDER reader.named <-> domains.end   (docs/ordering/domains.md, claim 3)
  if (GS_LIKELY(gs_load_relaxed(&r.record->handle) == r.handle)) return;
  if (!overflow_leave(r.record)) (void)overflow_leave_untracked(r.record);
  enter_anew(r);
}

// By this handle: nothing of this thread carries it, unless it is counted.
[[gnu::noinline]] void enter_first(domain_ref r) noexcept {
  if (!may_enter(r)) return report_stale(r, "read lock");
  if (overflow_tracked(r.record)) return overflow_enter(r.record);
  reader_slot* slot = register_slot(r.record);
  if (!slot) return enter_counted(r);
  gs_store_relaxed(&slot->handle, r.handle);
  slot_cache[r.handle % handle_places] = slot;
  // Fenced readers stay on the dummy: every entry must come by here. So do those that TSan is told
  // of.
  if (r.handle == 0 && !os::readers_fence() && !os::sanitized_by(os::sanitizer_thread))
    gs_tls.reader = &slot->reader;
  enter(r);
}

// Of no section in a slot.
[[gnu::noinline]] void leave_other(domain_ref r) noexcept {
  if (!may_enter(r)) return report_stale(r, "read unlock");
  if (overflow_leave(r.record) || overflow_leave_untracked(r.record)) return;
  if (const lease lent(r); lent)
    not_inside(r.record);
  else
    report_stale(r, "read unlock");
}

}  // namespace

void enter(domain_ref r) noexcept {
  reader_slot* slot = slot_named(r.handle);
  if (GS_UNLIKELY(!slot)) return enter_first(r);
  if (GS_UNLIKELY(!enter_slot(r, slot))) enter_anew(r);
}

void leave(domain_ref r) noexcept {
  reader_slot* slot = slot_named(r.handle);
  if (GS_LIKELY(slot && nesting_of(gs_load_relaxed(&slot->reader.word)) != 0))
    return leave_slot(slot);
  leave_other(r);
}

// ---- tokens ----

int enter_by_token(domain_ref r) noexcept {
  while (may_enter(r)) {
    const int token = token_enter(r.record);
    // ORDER reader.named <-> domains.end   (docs/ordering/domains.md, claim 3)
    if (GS_LIKELY(gs_load_relaxed(&r.record->handle) == r.handle)) return token;
    (void)token_leave(r.record, token);
  }
  report_stale(r, "down_read");
  return no_token;
}

void leave_by_token(domain_ref r, int token) noexcept {
  if (token == no_token) return;
  // While it is out, whoever is about to end the domain will find it: the handle comes back.
  const std::uintptr_t handle = gs_load_relaxed(&r.record->handle);
  const bool may_be_out = handle == r.handle || handle == no_handle;
  if (may_be_out && token_leave(r.record, token)) return;
  if (const lease lent(r); lent)
    report_here(GS_REPORT_UNLOCK_WITHOUT_LOCK,
                "domain '%s': up_read by thread %u with token %d, which nobody has; ignored",
                domain_name(r.record), os::tid(), token);
  else
    report_stale(r, "up_read");
}

// ---- questions ----

unsigned reader_nesting(gs_domain* d) noexcept {
  const reader_slot* slot = own_slot(d);
  return (slot ? slot_nesting(slot) : 0) + overflow_nesting(d);
}

unsigned levels_held(domain_ref r) noexcept {
  const unsigned levels = reader_nesting(r.record);
  return levels != 0 && may_enter(r) ? levels : 0;
}

bool in_any_reader() noexcept {
  if (overflow_anywhere()) return true;
  if (!on_dummy() && (gs_load_relaxed(&gs_tls.reader->word) & GS_NEST_MASK) != 0) return true;
  const sync::thread_record* record = known_record();
  if (!record) return false;
  for (auto* slot = static_cast<reader_slot*>(record->readers); slot; slot = slot->next_of_thread)
    if (slot_nesting(slot) != 0) return true;
  return false;
}

std::uint32_t registered_slots(const gs_domain* d) noexcept {
  std::uint32_t n = 0;
  for (reader_chunk* c = gs_load_acquire(&d->chunks); c; c = c->next)
    for (const reader_slot& slot : c->slot) n += gs_load_relaxed(&slot.in_use);
  return n;
}

// A slot with another handle is that of a thread which has not yet seen that its own is stale.
bool count_readers(domain_ref r, std::uint32_t* inside) noexcept {
  const bool fenced = os::heavy_fence();
  std::uint32_t n = 0;
  for (reader_chunk* c = gs_load_acquire(&r.record->chunks); c; c = c->next)
    for (const reader_slot& slot : c->slot)
      n += nesting_of(gs_load_relaxed(&slot.reader.word)) != 0 &&
           gs_load_relaxed(&slot.handle) == r.handle;
  for (const std::uint64_t& count : r.record->overflow.count)
    n += sections_in(gs_load_relaxed(&count));
  *inside = n;
  return fenced;
}

// Also in a forked child, for each thread that did not survive: then there is no thread to blame.
void end_thread_sections(sync::thread_record& record) noexcept {
  const bool survived = record.tls != nullptr;
  auto* slot = static_cast<reader_slot*>(record.readers);
  record.readers = nullptr;
  while (slot) {
    reader_slot* after = slot->next_of_thread;
    if (survived && slot_nesting(slot) != 0) report_ended(slot, record);
    gs_store_relaxed(&slot->extra, 0u);
    gs_store_relaxed(&slot->waiting_inside, 0u);
    if (slot_nesting(slot) != 0) os::hand_over(&slot->reader.word);
    end_section(slot);
    slot->next_of_thread = nullptr;
    free_slot(*slot);
    slot = after;
  }
  if (!survived) return;
  for (reader_slot*& cached : slot_cache) cached = nullptr;
  end_overflow_sections();
}

void readers_after_fork_in_child() noexcept {
  if (sync::thread_record* record = known_record())
    for (auto* slot = static_cast<reader_slot*>(record->readers); slot; slot = slot->next_of_thread)
      gs_store_relaxed(&slot->tid, os::tid());
}

}  // namespace graceslab::rcu

using graceslab::rcu::the_default_domain;

void gs_read_lock_slow(void) { graceslab::rcu::enter({0, &the_default_domain}); }
void gs_read_unlock_slow(void) { graceslab::rcu::leave({0, &the_default_domain}); }
