// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The table of owners: attaching, tokens, and what happens when a shared object is unloaded.
#include "rcu/owner.hpp"

#include "base/format.hpp"
#include "os/config.hpp"
#include "os/module.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/settle.hpp"

struct gs_owner {
  gs_owner* next;
  void* token;  // the dso handle, or the record itself; nullptr: not in use
  std::uint32_t closing;
  unsigned long refused;  // posts that came while closing and could not be run
  char name[160];
};

namespace graceslab::rcu {
namespace {

constinit sync::mutex table_lock{sync::rank::owners};
// Guarded by table_lock. Records are never unmapped; those not in use are taken oldest first.
constexpr unsigned static_records = 16;
constexpr std::size_t page = 4096;
gs_owner reserve[static_records];
bool reserve_added;
gs_owner* first;
gs_owner* spare_first;
gs_owner* spare_last;
std::uint32_t closing_now;
std::uint32_t generations;
std::uint32_t generation;  // read without the lock

void add_spare(gs_owner* o) noexcept {
  o->token = nullptr;
  o->next = nullptr;
  (spare_last ? spare_last->next : spare_first) = o;
  spare_last = o;
}

gs_owner* take_spare() noexcept {
  if (!reserve_added)
    for (gs_owner& o : reserve) add_spare(&o);
  reserve_added = true;
  if (!spare_first) {
    auto* fresh = static_cast<gs_owner*>(os::map(page, GS_FAULT_META));
    for (std::size_t i = 0; fresh && i < page / sizeof(gs_owner); ++i) add_spare(fresh + i);
  }
  gs_owner* o = spare_first;
  if (!o) return nullptr;
  spare_first = o->next;
  if (!spare_first) spare_last = nullptr;
  return o;
}

gs_owner* find(const void* token) noexcept {
  gs_owner* o = first;
  while (o && o->token != token) o = o->next;
  return o;
}

gs_owner* add(void* token, const char* name) noexcept {
  gs_owner* o = take_spare();
  if (!o) return nullptr;
  o->token = token ? token : o;
  o->closing = 0;
  o->refused = 0;
  base::writer out(o->name, sizeof o->name);
  out.add("%s", name);
  o->next = first;
  first = o;
  return o;
}

void remove(gs_owner* o) noexcept {
  gs_owner** at = &first;
  while (*at != o) at = &(*at)->next;
  *at = o->next;
  add_spare(o);
}

void set_closing(gs_owner* o, bool on) noexcept {
  sync::lock_guard guard(table_lock);
  if ((o->closing != 0) == on) return;
  o->closing = on;
  closing_now += on ? 1u : ~0u;
  if (on && ++generations == 0) ++generations;
  gs_store_relaxed(&generation, closing_now ? generations : 0u);
}

unsigned long refused_by(gs_owner* o) noexcept {
  sync::lock_guard guard(table_lock);
  return o->refused;
}

// Chains of callbacks of finite depth come to an end by themselves; after this many rounds
// re-arming is refused.
constexpr unsigned patient_rounds = 8;

struct settled {
  unsigned long waited = 0;   // rounds in which something was pending
  unsigned long dropped = 0;  // taken out of the queue without being run
  unsigned long refused = 0;
};

// One round after closing finds everything that is ours; what linked batches bring later is
// others'.
void settle_rounds(gs_owner* o, settled* result) noexcept {
  constexpr unsigned rounds_closing = 2;
  for (unsigned round = 0; round < patient_rounds + rounds_closing; ++round) {
    if (round == patient_rounds) set_closing(o, true);
    if (!settle_round(o->token, &result->dropped)) return;
    ++result->waited;
  }
}

settled settle(gs_owner* o) noexcept {
  settled result;
  const unsigned long refused_before = refused_by(o);
  settle_rounds(o, &result);
  if (upper().settle_owner) {
    upper().settle_owner(o->token, o->name);
    settle_rounds(o, &result);  // destructors that just ran may have posted
  }
  result.refused = refused_by(o) - refused_before;
  return result;
}

void forget(gs_owner* o) noexcept {
  set_closing(o, false);
  sync::lock_guard guard(table_lock);
  remove(o);
}

void report_unload(const gs_owner* o, unsigned long pending, const settled& result) noexcept {
  if (pending == 0 && result.waited == 0) return;
  char more[160];
  base::writer out(more, sizeof more);
  if (result.refused) out.add("; %lu later posts were refused and leaked", result.refused);
  if (result.dropped)
    out.add("; %lu could not be waited for here, were taken out of the queues and leaked",
            result.dropped);
  os::report(GS_REPORT_OWNER_UNLOADED,
             "module %s is unloaded with %lu callbacks pending: waited until none was queued "
             "or running%s",
             o->name, pending, more);
}

// Run by the C library before it unmaps the object. At process exit the exit policy decides
// instead.
void unload(void* dso) noexcept {
  if (os::exit_begun()) return;
  gs_owner* o;
  {
    sync::lock_guard guard(table_lock);
    o = find(dso);
  }
  if (!o) return;
  if (gs_load_relaxed(&os::settings.owner_protection)) {
    const unsigned long pending = pending_of(dso);
    report_unload(o, pending, settle(o));
  }
  forget(o);
  os::forget_stack_names();
}

}  // namespace

void attach_module(void* dso, std::uint32_t layout) noexcept {
  char path[sizeof(gs_owner::name)];
  os::module_path(dso, path, sizeof path);
  if (layout != GS_LAYOUT_VERSION)
    os::report(GS_REPORT_LAYOUT_MISMATCH,
               "%s was compiled against layout %u of the inlined structures, the library has "
               "layout %u: compile it anew",
               path, layout, GS_LAYOUT_VERSION);
  {
    sync::lock_guard guard(table_lock);
    if (find(dso) || !add(dso, path)) return;
  }
  if (!os::in_main_program(dso)) os::on_unload(dso, unload);
}

gs_owner* create_owner(const char* name) noexcept {
  sync::lock_guard guard(table_lock);
  return add(nullptr, name ? name : "owner");
}

unsigned long settle_owner(gs_owner* o) noexcept {
  if (!o) return 0;
  {
    sync::lock_guard guard(table_lock);
    if (!find(o)) o = nullptr;
  }
  if (!o) {
    os::report(GS_REPORT_STALE_HANDLE, "settle of an owner that was destroyed");
    return 0;
  }
  const settled result = settle(o);
  set_closing(o, false);
  return result.refused + result.dropped;
}

void destroy_owner(gs_owner* o) noexcept {
  if (!o) return;
  settle_owner(o);
  sync::lock_guard guard(table_lock);
  if (find(o) && !runs_on_this_stack(o)) remove(o);
}

std::uint32_t closing_generation() noexcept { return gs_load_relaxed(&generation); }

bool owner_is_closing(void* owner) noexcept {
  sync::lock_guard guard(table_lock);
  const gs_owner* o = owner ? find(owner) : nullptr;
  return o && o->closing != 0;
}

void note_refused(void* owner) noexcept {
  sync::lock_guard guard(table_lock);
  if (gs_owner* o = find(owner)) ++o->refused;
}

void lock_owners() noexcept { table_lock.lock(); }
void unlock_owners() noexcept { table_lock.unlock(); }
void owners_after_fork_in_child() noexcept { table_lock.reset_in_child(); }

}  // namespace graceslab::rcu
