// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The default domain, and the records of the others.
#include "rcu/domain.hpp"

#include <errno.h>

#include <new>

#include "base/format.hpp"
#include "os/config.hpp"
#include "os/fence.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/whose.hpp"

struct gs_domain_hot gs_default_hot = {{}, GS_ENTRY(0), {}};

namespace graceslab::rcu {

constinit gs_domain the_default_domain{&gs_default_hot};

namespace {

constexpr unsigned quarantine = 16;  // records that rest before the oldest is used again

constinit sync::mutex table_lock{sync::rank::domains};
// Guarded by table_lock; the list itself is append-only and walked without.
gs_domain* last_domain = &the_default_domain;
gs_domain* spare_first;
gs_domain* spare_last;
unsigned spare_count;
std::uint32_t ids = 1;

void append(gs_domain* d) noexcept {
  d->id = ids++;
  // ORDER domains.publish <-> domains.walk   (docs/ordering/callbacks.md, claim 9)
  gs_store_release(&last_domain->next, d);
  last_domain = d;
}

constexpr hazard_hooks no_hazards = {[](const those&) { return 0ul; }, [] {},
                                     [](const whose&) { return 0ul; }};
hazard_hooks known_hazards = no_hazards;  // set at start-up

constexpr upper_hooks no_hooks = {};
const upper_hooks* hooks = &no_hooks;
upper_hooks stored_hooks;

gs_domain* fresh_record() noexcept {
  void* place = os::map(sizeof(gs_domain), GS_FAULT_META);
  if (!place) return nullptr;
  auto* d = new (place) gs_domain(nullptr);
  d->hot = &d->own_hot;
  d->state = static_cast<std::uint32_t>(life::gone);
  append(d);
  return d;
}

gs_domain* take_record() noexcept {
  gs_domain* d = nullptr;
  if (spare_count < quarantine) d = fresh_record();
  if (d || !spare_first) return d;
  d = spare_first;
  spare_first = d->next_spare;
  if (!spare_first) spare_last = nullptr;
  --spare_count;
  return d;
}

gs_domain_stats counted(const gs_domain* d) noexcept {
  gs_domain_stats stats = {};
  stats.started = newest(d);
  stats.completed = gs_load_relaxed(&d->completed);
  for (const shard& s : d->shards) {
    stats.callbacks_posted += gs_load_relaxed(&s.posted);
    stats.callbacks_invoked += gs_load_relaxed(&s.finished);
  }
  stats.stalls = gs_load_relaxed(&d->stall.reports);
  return stats;
}

void set_up(gs_domain* d, const gs_domain_options* options) noexcept {
  base::writer name(d->name, sizeof d->name);
  name.add("%s", options && options->name ? options->name : "domain");
  d->options = options ? *options : gs_domain_options{};
  d->options.name = d->name;
  gs_store_relaxed(&d->closed, 0u);
  d->at_birth = counted(d);
  d->upper.retired = d->upper.reclaimed = d->upper.over_limit = 0;
  d->upper.memory.limit = 0;
}

bool busy(gs_domain* d) noexcept {
  char what[160];
  base::writer out(what, sizeof what);
  const std::uint32_t readers = busy_readers(d);
  if (readers) out.add(" %u reader%s", readers, base::plural(readers));
  if (callbacks_pending(d)) out.add(" callbacks");
  if (upper().caches_alive && upper().caches_alive(d)) out.add(" caches");
  if (upper().retires_pending && upper().retires_pending(d)) out.add(" retired memory");
  if (d == &the_default_domain) out.add(" (the default domain is never destroyed)");
  if (out.needed() == 0) return false;
  os::report(GS_REPORT_DOMAIN_BUSY, "domain '%s' destroyed while in use:%s; it is leaked",
             domain_name(d), what);
  return true;
}

}  // namespace

gs_domain* default_domain() noexcept { return &the_default_domain; }
gs_domain* first_domain() noexcept { return &the_default_domain; }

gs_domain* next_domain(const gs_domain* d) noexcept {
  // ORDER domains.walk <-> domains.publish   (docs/ordering/callbacks.md, claim 9)
  return gs_load_acquire(&d->next);
}

bool live(const gs_domain* d) noexcept {
  return gs_load_relaxed(&d->state) == static_cast<std::uint32_t>(life::live);
}

bool usable(const gs_domain* d, const char* what) noexcept {
  if (GS_LIKELY(live(d))) return true;
  os::report(GS_REPORT_STALE_HANDLE, "%s on domain '%s', which was destroyed", what, d->name);
  return false;
}

void for_each_domain(void (*visit)(gs_domain*, void*), void* arg) noexcept {
  for (gs_domain* d = first_domain(); d; d = next_domain(d))
    if (live(d)) visit(d, arg);
}

upper_room& room(gs_domain* d) noexcept { return d->upper; }

// The default one's is a setting.
std::uint64_t memory_limit(gs_domain* d) noexcept {
  return gs_load_relaxed(d == &the_default_domain ? &os::settings.memory_limit
                                                  : &d->upper.memory.limit);
}

void limit_memory(gs_domain* d, std::uint64_t bytes) noexcept {
  gs_store_relaxed(d == &the_default_domain ? &os::settings.memory_limit : &d->upper.memory.limit,
                   bytes);
}

std::uint32_t domain_id(const gs_domain* d) noexcept { return d->id; }
const char* domain_name(const gs_domain* d) noexcept {
  return d == &the_default_domain ? "default" : d->name;
}
bool domain_closed(const gs_domain* d) noexcept { return gs_load_relaxed(&d->closed) != 0; }

gs_domain_options domain_options(const gs_domain* d) noexcept {
  gs_domain_options options = d->options;
  options.name = domain_name(d);
  options.barrier_covers_retire = gs_load_relaxed(&d->options.barrier_covers_retire);
  if (d == &the_default_domain) {
    if (gs_load_relaxed(&os::settings.barrier_covers_retire)) options.barrier_covers_retire = 1;
    options.pending_limit_bytes = gs_load_relaxed(&os::settings.pending_limit);
    options.pressure = gs_load_relaxed(&os::settings.pressure);
  }
  return options;
}

bool cover_retire(gs_domain* d, bool on) noexcept {
  const bool before = domain_options(d).barrier_covers_retire != 0;
  gs_store_relaxed(&d->options.barrier_covers_retire, on ? 1 : 0);
  if (d == &the_default_domain) gs_store_relaxed(&os::settings.barrier_covers_retire, on);
  return before;
}

gs_domain* create_domain(const gs_domain_options* options) noexcept {
  os::unseen ours;
  sync::lock_guard guard(table_lock);
  gs_domain* d = take_record();
  if (!d) return nullptr;
  set_up(d, options);
  gs_store_relaxed(&d->state, static_cast<std::uint32_t>(life::live));
  return d;
}

void add_unread_domain(gs_domain& d, const char* name) noexcept {
  sync::lock_guard guard(table_lock);
  base::writer(d.name, sizeof d.name).add("%s", name);
  d.hot = &d.own_hot;
  d.completed = ~std::uint64_t{0};
  append(&d);
}

int destroy_domain(gs_domain* d) noexcept {
  if (!usable(d, "destroy")) return -ENOENT;
  if (busy(d)) return -EBUSY;
  sync::lock_guard guard(table_lock);
  if (!live(d)) return -ENOENT;
  gs_store_relaxed(&d->state, static_cast<std::uint32_t>(life::gone));
  d->next_spare = nullptr;
  (spare_last ? spare_last->next_spare : spare_first) = d;
  spare_last = d;
  ++spare_count;
  return 0;
}

gs_domain_stats domain_stats(gs_domain* d) noexcept {
  gs_domain_stats stats = counted(d);
  stats.started -= d->at_birth.started;
  stats.completed -= d->at_birth.completed;
  stats.callbacks_posted -= d->at_birth.callbacks_posted;
  stats.callbacks_invoked -= d->at_birth.callbacks_invoked;
  stats.stalls -= d->at_birth.stalls;
  if (upper().totals) {
    const domain_totals totals = upper().totals(d);
    stats.retired = totals.retired;
    stats.reclaimed = totals.reclaimed;
  }
  stats.readers = registered_slots(d);
  stats.fence = os::fence_mode();
  return stats;
}

void set_upper_hooks(const upper_hooks& set) noexcept {
  stored_hooks = set;
  // ORDER hooks.set <-> hooks.get   (docs/ordering/callbacks.md, claim 8)
  gs_store_release(&hooks, &stored_hooks);
}

void set_hazard_hooks(const hazard_hooks& set) noexcept { known_hazards = set; }
const hazard_hooks& hazards() noexcept { return known_hazards; }

const upper_hooks& upper() noexcept {
  // ORDER hooks.get <-> hooks.set   (docs/ordering/callbacks.md, claim 8)
  return *gs_load_acquire(&hooks);
}

void lock_domains() noexcept { table_lock.lock(); }
void unlock_domains() noexcept { table_lock.unlock(); }
void domains_after_fork_in_child() noexcept { table_lock.reset_in_child(); }

}  // namespace graceslab::rcu
