// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Lingering destruction: a cache outlives its creator until its last object is home.
//
// - Enters: caches in state closing, from close().
// - Leaves: state gone, slabs released, waiters woken.
// - Owns: the lingering list, lingering_lock (rank teardown; never held across a wait or a
//   callback).
// - Invariants:
//   - L1 on the list <=> state draining.
//   - L2 who sets `finishing` is the one who takes it off.
#include "os/hooks.hpp"
#include "sync/event.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {

constinit sync::mutex lingering_lock{sync::rank::teardown};

namespace {

slab::cache* first;
slab::cache* last;
constinit sync::event change;

[[gnu::constructor]] void register_fork() {
  os::on_fork({static_cast<int>(sync::rank::teardown), [] { lingering_lock.lock(); },
               [] { lingering_lock.unlock(); },
               [] {
                 lingering_lock.reset_in_child();
                 change.reset_in_child();
                 // Whoever was finishing one is not here; every step may be taken twice.
                 for (slab::cache* c = first; c != nullptr; c = c->next_lingering)
                   c->finishing = false;
               }});
}

}  // namespace

cookie cookie_of(const slab::cache& c) noexcept { return c.ticket << id_bits | c.id; }

void add_lingering(
    slab::cache& c) noexcept {  // in the order of tickets, but for closers that overtake each other
  c.next_lingering = nullptr;
  c.previous_lingering = last;
  (last != nullptr ? last->next_lingering : first) = &c;
  last = &c;
}

void remove_lingering(slab::cache& c) noexcept {
  (c.previous_lingering != nullptr ? c.previous_lingering->next_lingering : first) =
      c.next_lingering;
  (c.next_lingering != nullptr ? c.next_lingering->previous_lingering : last) =
      c.previous_lingering;
}

slab::cache* first_lingering() noexcept { return first; }

slab::cache* find_lingering(cookie k, std::uintptr_t* handle) noexcept {
  slab::cache* c = slab::cache_from_id(static_cast<std::uint32_t>(k & ((1u << id_bits) - 1)));
  if (c == nullptr) return nullptr;
  sync::lock_guard hold(lingering_lock);
  std::uint32_t stage = slab::stage_of(*c);
  bool there = stage == GS_STAGE_CLOSING || stage == GS_STAGE_DRAINING;
  if (!there || cookie_of(*c) != k) return nullptr;
  if (handle != nullptr) *handle = gs_load_relaxed(&c->handle);
  return c;
}

std::uint32_t home_ticket() noexcept { return change.ticket(); }
void wait_for_change(std::uint32_t ticket, std::uint64_t timeout_ms) noexcept {
  change.wait(ticket, timeout_ms);
}
void notify_change() noexcept { change.notify_all(); }

}  // namespace graceslab::teardown
