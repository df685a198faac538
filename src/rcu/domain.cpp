// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The default domain, and the records of the others.
#include "rcu/domain.hpp"

#include <errno.h>

#include <new>

#include "base/format.hpp"
#include "os/busted.hpp"
#include "os/config.hpp"
#include "os/fence.hpp"
#include "os/midway.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/grant.hpp"
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

std::uintptr_t handle_for(const gs_domain& d) noexcept {
  const std::uintptr_t low = d.generation % (1u << generation_low_bits);
  const std::uintptr_t high = d.generation >> generation_low_bits;
  return reinterpret_cast<std::uintptr_t>(&d) | d.id % handle_places | low * handle_places |
         high << handle_address_width;
}

// Systems give out addresses beyond 48 bits to who asks for them alone.
void* map_record() noexcept {
  void* place = os::map(sizeof(gs_domain), GS_FAULT_META);
  const auto address = reinterpret_cast<std::uintptr_t>(place);
  if ((address & ~handle_address_bits) == 0) return place;
  os::unmap(place, sizeof(gs_domain));
  return nullptr;
}

gs_domain* fresh_record() noexcept {
  void* place = map_record();
  if (!place) return nullptr;
  auto* d = new (place) gs_domain(nullptr);
  d->hot = &d->own_hot;
  d->handle = no_handle;
  d->state = static_cast<std::uint32_t>(life::gone);
  append(d);
  return d;
}

void add_spare(gs_domain* d) noexcept {
  d->next_spare = nullptr;
  (spare_last ? spare_last->next_spare : spare_first) = d;
  spare_last = d;
  ++spare_count;
}

// The one that rests longest, of those that no call has on loan.
gs_domain* rested_record() noexcept {
  for (unsigned left = spare_count; left != 0; --left) {
    gs_domain* d = spare_first;
    spare_first = d->next_spare;
    if (!spare_first) spare_last = nullptr;
    --spare_count;
    // ORDER domains.reuse <-> domains.lend   (docs/ordering/domains.md, claim 2)
    // ORDER domains.reuse <-> domains.back   (claim 2)
    if (gs_load_seq_cst(&d->lent) == 0) return d;
    add_spare(d);
  }
  return nullptr;
}

gs_domain* take_record() noexcept {
  const unsigned resting = os::busted(os::flaw::wide_windows) ? 0 : quarantine;
  gs_domain* d = spare_count >= resting ? rested_record() : nullptr;
  if (!d) d = fresh_record();
  return d ? d : rested_record();
}

gs_domain_stats counted(const gs_domain* d) noexcept {
  gs_domain_stats stats = {};
  stats.started = newest(d);
  stats.completed = gs_load_relaxed(&d->completed);
  const tally callbacks = count_callbacks(d);
  stats.callbacks_invoked = callbacks.finished;
  stats.callbacks_posted = callbacks.posted;
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

// What of a domain is alive.
struct uses {
  std::uint32_t readers = 0;
  bool unseen_readers = false;
  bool callbacks = false;
  bool caches = false;
  bool any() const noexcept { return readers != 0 || unseen_readers || callbacks || caches; }
};

uses look(domain_ref r) noexcept {
  gs_domain* d = r.record;
  uses left;
  left.unseen_readers = !count_readers(r, &left.readers);
  for (shard& s : d->shards)
    sync::lock_guard guard(s.lock);  // whoever was posting is in the queue now
  left.callbacks = callbacks_pending(d);
  left.caches = upper().caches_alive && upper().caches_alive(d);
  return left;
}

// What came by its handle before is found, what comes later waits for the table's lock, and for the
// answer. False: the domain had ended before.
bool end(domain_ref r, uses* left) noexcept {
  gs_domain* d = r.record;
  sync::lock_guard guard(table_lock);
  if (gs_load_relaxed(&d->handle) != r.handle) return false;
  // ORDER domains.end <-> reader.named   (docs/ordering/domains.md, claim 3)
  // ORDER domains.end <-> domains.lend   (claim 2)
  gs_store_seq_cst(&d->handle, no_handle);
  os::open_window();
  *left = look(r);
  if (left->any()) {
    gs_store_relaxed(&d->handle, r.handle);
    return true;
  }
  gs_store_relaxed(&d->state, static_cast<std::uint32_t>(life::gone));
  if (d->generation != generations_max) add_spare(d);
  return true;
}

void report_busy(gs_domain* d, const uses& left) noexcept {
  char what[160];
  base::writer out(what, sizeof what);
  if (left.readers) out.add(" %u reader%s", left.readers, base::plural(left.readers));
  if (left.unseen_readers) out.add(" readers that no fence shows");
  if (left.callbacks) out.add(" callbacks");
  if (left.caches) out.add(" caches");
  if (upper().retires_pending && upper().retires_pending(d)) out.add(" retired memory");
  if (d == &the_default_domain) out.add(" (the default domain is never destroyed)");
  os::report(GS_REPORT_DOMAIN_BUSY, "domain '%s' destroyed while in use:%s; it is leaked",
             domain_name(d), what);
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

bool named(domain_ref r) noexcept {
  if (GS_LIKELY(gs_load_relaxed(&r.record->handle) == r.handle)) return true;
  sync::lock_guard guard(table_lock);
  return gs_load_relaxed(&r.record->handle) == r.handle;
}

bool while_named(domain_ref r, void (*what)(void*), void* arg) noexcept {
  if (r.handle == 0) return what(arg), true;
  sync::lock_guard guard(table_lock);
  if (gs_load_relaxed(&r.record->handle) != r.handle) return false;
  what(arg);
  return true;
}

// The name is told as long as the record still has it. A handler may have interrupted the table.
void report_stale(domain_ref r, const char* what) noexcept {
  char name[sizeof r.record->name + 8] = "";
  if (!os::is_midway()) {
    sync::lock_guard guard(table_lock);
    if (handle_for(*r.record) == r.handle)
      base::writer(name, sizeof name).add(" ('%s')", r.record->name);
  }
  report_here(GS_REPORT_STALE_HANDLE,
              "%s through domain handle %#zx%s, which was destroyed; no effect", what,
              static_cast<std::size_t>(r.handle), name);
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
const char* domain_name(const gs_domain* d) noexcept { return d->name; }
bool domain_closed(const gs_domain* d) noexcept { return gs_load_relaxed(&d->closed) != 0; }

gs_domain_options domain_options(const gs_domain* d) noexcept {
  gs_domain_options options = {domain_name(d), gs_load_relaxed(&d->options.barrier_covers_retire),
                               d->options.pending_limit_bytes, d->options.pressure};
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
  ++d->generation;
  const std::uintptr_t handle = handle_for(*d);
  gs_store_relaxed(&d->state, static_cast<std::uint32_t>(life::live));
  gs_store_seq_cst(&d->handle, handle);
  return reinterpret_cast<gs_domain*>(handle);
}

void add_unread_domain(gs_domain& d, const char* name) noexcept {
  sync::lock_guard guard(table_lock);
  base::writer(d.name, sizeof d.name).add("%s", name);
  d.hot = &d.own_hot;
  d.one_by_one = true;
  d.completed = ~std::uint64_t{0};
  append(&d);
}

int destroy_domain(domain_ref r) noexcept {
  if (r.handle == 0) return report_busy(r.record, look(r)), -EBUSY;
  const lease lent(r);  // of the name, for a report
  uses left;
  const bool was_there = lent && end(r, &left);
  os::report_lost_fence();
  if (!was_there) return report_stale(r, "destroy"), -ENOENT;
  if (!left.any()) return 0;
  report_busy(r.record, left);
  return -EBUSY;
}

gs_domain_stats domain_stats(gs_domain* d) noexcept {
  recall_where_free(d);
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
