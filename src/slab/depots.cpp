// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/depots.hpp"

#include <initializer_list>
#include <new>

#include "os/config.hpp"
#include "os/cores.hpp"
#include "os/thread.hpp"
#include "slab/meta.hpp"

namespace graceslab::slab {

constinit std::uint32_t depot_count = 1;

namespace {

constexpr unsigned cores_per_depot = 4;

}  // namespace

std::uint64_t objects_in(const sheaf_list& l) noexcept {
  std::uint64_t n = 0;
  for (const gs_sheaf* s = l.head; s != nullptr; s = s->next) n += s->count;
  return n;
}

void settle_depot_count() noexcept {
  std::uint64_t wanted = gs_load_relaxed(&os::settings.depots);
  if (wanted == 0) wanted = (os::cores_online() + cores_per_depot - 1) / cores_per_depot;
  if (wanted > depots_most) wanted = depots_most;
  depot_count = static_cast<std::uint32_t>(wanted);
  os::split_cores(depot_count);
}

void* depots_new() noexcept { return meta_alloc(depot_count * sizeof(depot), GS_FAULT_META, 0); }
void depots_drop(void* memory) noexcept { meta_free(memory, depot_count * sizeof(depot)); }

void make_depots(cache& c, void* memory) noexcept {
  c.depots = &c.first_depot;
  if (!several_depots()) return;
  c.depots = static_cast<depot*>(memory);
  for (depot& d : depots_of(c)) ::new (&d) depot;
}

void reset_depots(cache& c) noexcept {
  for (depot& d : depots_of(c)) static_cast<depot_fields&>(d) = depot_fields{};
}

depot& other_depot_here(cache& c) noexcept { return c.depots[os::core_share()]; }

barn_hold::barn_hold(cache& c) noexcept : c_(c) {
  for (depot& d : depots_of(c)) d.lock.lock();
  c.lock.lock();
}

barn_hold::~barn_hold() {
  c_.lock.unlock();
  for (depot& d : depots_of(c_)) d.lock.unlock();
}

barn_counts count_barn(const cache& c) noexcept {
  barn_counts all = {c.retired, c.reclaimed_objects, 0, false};
  for (const depot& d : depots_of(c)) {
    all.retired += d.retired;
    all.reclaimed += d.reclaimed_objects;
    for (const sheaf_list* l : {&d.full, &d.reclaimed}) all.parked += objects_in(*l);
    all.deferred = all.deferred || d.deferred.head != nullptr;
  }
  return all;
}

bool any_reclaimed(const cache& c) noexcept {
  for (const depot& d : depots_of(c))
    if (gs_load_relaxed(&d.reclaimed.count) != 0) return true;
  return false;
}

std::uint64_t deferred_objects(const cache& c) noexcept {
  std::uint64_t n = 0;
  for (const depot& d : depots_of(c)) n += gs_load_relaxed(&d.deferred_objects);
  return n;
}

}  // namespace graceslab::slab
