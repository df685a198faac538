// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every lock of every cache is held across a fork, so that the child inherits consistent lists.
#include "os/hooks.hpp"
#include "slab/heap.hpp"
#include "slab/meta.hpp"
#include "slab/transit.hpp"

namespace graceslab::slab {
namespace {

template <class F>
void each_cache(F f) noexcept {
  for (std::uint32_t id = 1; id < cache_ids(); ++id) f(*cache_from_id(id));
}

void drop(sync::mutex& m, bool child) noexcept { child ? m.reset_in_child() : m.unlock(); }

void after(bool child) noexcept {
  meta_unlock_after_fork(child);
  heap_unlock_after_fork(child);
  each_cache([child](cache& c) { drop(c.slabs_lock, child); });
  each_cache([child](cache& c) { drop(c.lock, child); });
  each_cache([child](cache& c) { drop(c.locals_lock, child); });
  each_cache([child](cache& c) {
    if (!child) return;
    c.ripe_running = false;
  });
  table_unlock_after_fork(child);
  classes_unlock_after_fork(child);
  transit_resume();
}

void prepare() noexcept {
  transit_halt();
  classes_lock_for_fork();
  table_lock_for_fork();
  each_cache([](cache& c) { c.locals_lock.lock(); });
  each_cache([](cache& c) { c.lock.lock(); });
  each_cache([](cache& c) { c.slabs_lock.lock(); });
  heap_lock_for_fork();
  meta_lock_for_fork();
}

[[gnu::constructor]] void register_fork() {
  os::on_fork({static_cast<int>(sync::rank::caches_lazy), prepare, [] { after(false); }, [] { after(true); }});
}

}  // namespace
}  // namespace graceslab::slab
