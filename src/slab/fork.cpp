// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every lock of every cache is held across a fork, so that the child inherits consistent lists.
#include "os/hooks.hpp"
#include "slab/construct.hpp"
#include "slab/debug.hpp"
#include "slab/depots.hpp"
#include "slab/guard.hpp"
#include "slab/heap.hpp"
#include "slab/hooks.hpp"
#include "slab/large.hpp"
#include "slab/locals.hpp"
#include "slab/meta.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {
namespace {

template <class F>
void each_cache(F f) noexcept {
  for (std::uint32_t id = 1; id < cache_ids(); ++id) f(*cache_from_id(id));
}

void drop(sync::mutex& m, bool child) noexcept { child ? m.reset_in_child() : m.unlock(); }

// A destructor that another thread ran at the fork runs in the parent only: here its objects count
// as reclaimed. Page runs that it had not come to end here.
void end_foreign_run(cache& c) noexcept {
  if (!c.ripe_running) return;
  c.ripe_running = false;
  c.run_root = 0;
  c.run_local = nullptr;
  c.runner = nullptr;
  std::uint32_t n = c.run_count;
  if (n == 0) return;
  c.run_count = 0;
  for (std::uint32_t i = 0; is_debug(c) && i != n; ++i)
    debug_after_free(c, static_cast<char*>(c.run_objects[i]));
  for (std::uint32_t i = 0; !is_large(c) && i != n; ++i) return_one(c, c.run_objects[i]);
  for (std::uint32_t i = 0; is_large(c) && i != n; ++i)
    hooks.weigh(c, -static_cast<std::int64_t>(large_end(c.run_objects[i])));
  touch(c);
  c.reclaimed_objects += n;
}

void after(bool child) noexcept {
  guard_unlock_after_fork(child);
  meta_unlock_after_fork(child);
  heap_unlock_after_fork(child);
  release_owners();
  each_cache([child](cache& c) { drop(c.slabs_lock, child); });
  each_cache([child](cache& c) { drop(c.lock, child); });
  each_cache([child](cache& c) {
    for (depot& d : depots_of(c)) drop(d.lock, child);
  });
  each_cache([child](cache& c) { drop(c.locals_lock, child); });
  each_cache([child](cache& c) { drop(c.seize_lock, child); });
  table_unlock_after_fork(child);
  classes_unlock_after_fork(child);
}

void prepare() noexcept {
  classes_lock_for_fork();
  table_lock_for_fork();
  each_cache([](cache& c) { c.seize_lock.lock(); });
  each_cache([](cache& c) { c.locals_lock.lock(); });
  hold_owners();
  each_cache([](cache& c) {
    for (depot& d : depots_of(c)) d.lock.lock();
  });
  each_cache([](cache& c) { c.lock.lock(); });
  each_cache([](cache& c) { c.slabs_lock.lock(); });
  heap_lock_for_fork();
  meta_lock_for_fork();
  guard_lock_for_fork();
}

// After every layer's locks are free again.
void settle_child() noexcept {
  each_cache([](cache& c) {
    c.drain_lock.reset_in_child();
    end_foreign_run(c);
    leave_foreign_births(c);
  });
}

[[gnu::constructor]] void register_fork() {
  os::on_fork({os::after_fork_rank, [] {}, [] {}, settle_child});
  os::on_fork({static_cast<int>(sync::rank::caches_lazy), prepare, [] { after(false); },
               [] { after(true); }});
}

}  // namespace
}  // namespace graceslab::slab
