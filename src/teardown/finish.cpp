// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// draining -> gone.
#include <initializer_list>

#include "os/event.hpp"
#include "os/midway.hpp"
#include "slab/depots.hpp"
#include "slab/locals.hpp"
#include "teardown/moves.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

// Under lingering_lock: everything home, nothing on any list.
bool is_home(slab::cache& c) noexcept {
  slab::barn_hold barn(c);
  sync::lock_guard slabs(c.slabs_lock);
  const slab::barn_counts in_barn = slab::count_barn(c);
  return c.carved == c.free_in_slabs && c.marked == 0 && !in_barn.deferred && in_barn.parked == 0 &&
         reclaim::ripe_idle(c) && c.quarantined.head == nullptr;
}

void release_sheaves(slab::cache& c) noexcept {
  for (slab::depot& d : depots_of(c)) {
    sync::lock_guard hold(d.lock);  // nobody else wants them, but a fork may come in between
    for (slab::sheaf_list* l : {&d.full, &d.reclaimed, &d.empty})
      while (gs_sheaf* s = slab::pop(*l)) slab::sheaf_delete(s);
  }
}

}  // namespace

bool all_home(slab::cache& c) noexcept {
  sync::lock_guard slabs(c.slabs_lock);
  return c.carved == c.free_in_slabs;
}

bool finish_if_home(slab::cache& c) noexcept {
  std::uint64_t ticket =
      gs_load_relaxed(&c.ticket);  // by a late free it is read while closing sets it
  bool look_again = false;
  os::midway_scope half_gone;
  {
    sync::lock_guard hold(lingering_lock);
    if (slab::stage_of(c) != GS_STAGE_DRAINING || c.ticket != ticket || c.finishing) return true;
    if (!is_home(c)) return false;
    if (!slab::hands_empty(c)) {
      look_again = true;
    } else {
      c.finishing = true;
    }
  }
  if (look_again) {  // somebody passes by with an empty array, or a thread that ends looks at its
                     // record
    reclaim::activate(c);
    reclaim::wake_background();
    return false;
  }
  reclaim::unpost(c);
  slab::release_all_slabs(c);
  release_sheaves(c);
  slab::forget_locals(c);
  os::event::destroy_done(c.id, cookie_of(c), c.name);
  {
    // Whoever waits sees it on the list until its last page is home.
    sync::lock_guard hold(lingering_lock);
    remove_lingering(c);
    move<GS_STAGE_DRAINING, GS_STAGE_GONE>(c);
  }
  reclaim::forget(c);
  slab::cache_delete(c);
  notify_change();
  return true;
}

bool settle(slab::cache& c) noexcept {
  reclaim::collect(c);
  for (;;) {
    slab::transit in_hand(c);
    gs_sheaf* s = slab::reclaimed_sheaf(c);
    if (s == nullptr) break;
    slab::flush(c, s);
    slab::sheaf_delete(s);
  }
  slab::settle_quarantine(c);
  return finish_if_home(c);
}

}  // namespace graceslab::teardown
