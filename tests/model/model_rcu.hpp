// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The rcu layer's readers and grace periods as they stand in src/rcu, with one domain and one chunk
// of slots.
#pragma once
#include "model_os.hpp"
#include "rcu/await.cpp"
#include "rcu/grace_period.cpp"
#include "rcu/handle.cpp"
#include "rcu/overflow.cpp"
#include "rcu/readers.cpp"
#include "rcu/wait_inside.cpp"
#include "sync/event.cpp"
#include "sync/mutex.cpp"

__thread struct gs_tls gs_tls;
struct gs_domain_hot gs_default_hot;

namespace graceslab::sync {
const gs_reader reader_dummy = {GS_NEST_MASK};
__thread thread_record own_record;
thread_record* this_thread() noexcept {
  own_record.tls = &gs_tls;
  gs_tls.thread = &own_record;
  return &own_record;
}
[[maybe_unused]] bool end_is_told(const thread_record&) noexcept { return true; }
}  // namespace graceslab::sync

namespace graceslab::rcu {

constinit gs_domain the_default_domain{&gs_default_hot};
gs_domain* default_domain() noexcept { return &the_default_domain; }
constinit sync::mutex domains{sync::rank::domains};  // the lock of their table
bool may_be_stale;
bool named(domain_ref r) noexcept {
  if (gs_load_relaxed(&r.record->handle) == r.handle) return true;
  sync::lock_guard guard(domains);
  return gs_load_relaxed(&r.record->handle) == r.handle;
}
void report_stale(domain_ref, const char*) noexcept { MODEL_ASSERT(may_be_stale); }
const char* domain_name(const gs_domain*) noexcept { return ""; }
void note_progress(gs_domain*) noexcept {}
void check_stall(gs_domain*) noexcept {}
bool unproved_watch::lost() noexcept { return false; }
void unproved_watch::say_when_due() noexcept {}
void report_here(gs_report, const char*, ...) noexcept { MODEL_ASSERT(false); }

namespace {

reader_chunk the_chunk;
[[maybe_unused]] reader_chunk new_chunks[2];

// Thread-local variables of the files above.
[[maybe_unused]] void name_locals() {
  gs_tls.reader = const_cast<gs_reader*>(&sync::reader_dummy);
  model::is_thread_local(gs_tls);
  model::is_thread_local(sync::own_record);
  model::is_thread_local(deadline_ns);
  model::is_thread_local(slot_cache);
  model::is_thread_local(sections);
}

void make_fresh(reader_chunk& c, gs_domain* d, unsigned slots) {
  ::new (&c) reader_chunk{};
  for (reader_slot& s : c.slot) s.domain = d;
  for (unsigned i = slots; i != chunk_slots; ++i) c.slot[i].in_use = 1;
  model::leave_plain(&c.slot[slots], &c + 1);
}

// A fresh domain. Of its one chunk the first few slots take part, the others are taken and idle.
[[maybe_unused]] gs_domain* fresh_domain(unsigned slots) {
  ::new (&gs_default_hot) gs_domain_hot{{}, GS_ENTRY(0), {}};
  auto* d = ::new (&the_default_domain) gs_domain(&gs_default_hot);
  make_fresh(the_chunk, d, slots);
  d->chunks = &the_chunk;
  return d;
}

// As a thread that waits, or as one that polls, and drives when nobody else does meanwhile: that
// has fewer fences, which would hide edges.
[[maybe_unused]] void wait_or_poll(gs_domain* d, unsigned patience = 0) {
  const std::uint64_t cookie = snapshot(d);
  if (rl::rand(2) != 0) {
    MODEL_ASSERT(wait(d, cookie));
    return;
  }
  for (unsigned polls = 0; !done(d, cookie); ++polls) {
    if (polls >= patience) {
      sync::lock_guard guard(d->gp_lock);
      advance_locked(d, cookie);
    }
    os::yield();
  }
}

// Of the thread that has the first slot.
[[maybe_unused]] void no_slow_entry() { MODEL_ASSERT(false); }
[[maybe_unused]] void leave_awaited_slot() {
  MODEL_ASSERT(is_awaited(gs_load_relaxed(&the_chunk.slot[0].reader.word)));
  leave_slot(&the_chunk.slot[0]);
}

// What the updater replaces and then spoils.
struct versions {
  model::data object[2];
  std::uint32_t current = 0;

  void prepare() {
    current = 0;
    object[0].write(1);
    object[1].write(1);
  }
  void look() {
    std::uint32_t i = gs_load_acquire(&current);
    MODEL_ASSERT(object[i].read() == 1);
  }
  void replace() { gs_store_release(&current, 1u); }
  void spoil() { object[0].write(0); }
};

}  // namespace
}  // namespace graceslab::rcu
