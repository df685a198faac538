// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The table of owners, and tokens.
#include "rcu/owner.hpp"

#include "base/format.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "rcu/owner_table.hpp"
#include "rcu/settle.hpp"

namespace graceslab::rcu {
namespace {

constinit sync::mutex table_lock{sync::rank::owners};
// Guarded by table_lock. Records are never unmapped; those not in use are taken oldest first.
constexpr unsigned static_records = 16;
constexpr std::size_t page = 4096;
constinit gs_owner reserve[static_records] = {};
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

void unlink(gs_owner* o) noexcept {
  gs_owner** at = &first;
  while (*at != o) at = &(*at)->next;
  *at = o->next;
  add_spare(o);
}

gs_owner* find_closing(const entry& e) noexcept {
  gs_owner* o = first;
  while (o && (o->closing == 0 ||
               !work_of(o).has(e.owner, reinterpret_cast<const void*>(e.func), e.head)))
    o = o->next;
  return o;
}

}  // namespace

gs_owner* find_owner(const void* token) noexcept {
  sync::lock_guard guard(table_lock);
  return find(token);
}

gs_owner* add_owner(void* token, const char* name) noexcept {
  sync::lock_guard guard(table_lock);
  if (token && find(token)) return nullptr;
  gs_owner* o = take_spare();
  if (!o) return nullptr;
  o->token = token ? token : o;
  o->object = token ? os::object_span(token) : os::span{};
  o->closing = 0;
  o->refused = 0;
  base::writer out(o->name, sizeof o->name);
  out.add("%s", name);
  o->next = first;
  first = o;
  return o;
}

void remove_owner(gs_owner* o) noexcept {
  sync::lock_guard guard(table_lock);
  unlink(o);
}

whose work_of(const gs_owner* o) noexcept { return {o->token, o->object, o->name}; }

void close_owner(gs_owner* o) noexcept {
  sync::lock_guard guard(table_lock);
  if (++o->closing != 1) return;
  ++closing_now;
  if (++generations == 0) ++generations;
  gs_store_relaxed(&generation, generations);
}

void reopen_owner(gs_owner* o) noexcept {
  sync::lock_guard guard(table_lock);
  if (--o->closing != 0) return;
  --closing_now;
  gs_store_relaxed(&generation, closing_now ? generations : 0u);
}

unsigned long refused_by(gs_owner* o) noexcept {
  sync::lock_guard guard(table_lock);
  return o->refused;
}

gs_owner* create_owner(const char* name) noexcept {
  return add_owner(nullptr, name ? name : "owner");
}

unsigned long settle_owner(gs_owner* token) noexcept {
  if (!token) return 0;
  gs_owner* o = find_owner(token);
  if (!o) {
    os::report(GS_REPORT_STALE_HANDLE, "settle of an owner that was destroyed");
    return 0;
  }
  const settled result = settle(o, occasion::asked);
  return result.refused + result.dropped;
}

void destroy_owner(gs_owner* o) noexcept {
  if (!o) return;
  settle_owner(o);
  sync::lock_guard guard(table_lock);
  if (find(o) && !runs_on_this_stack(work_of(o))) unlink(o);
}

std::uint32_t closing_generation() noexcept { return gs_load_relaxed(&generation); }

bool owner_is_closing(const entry& e) noexcept {
  sync::lock_guard guard(table_lock);
  return find_closing(e) != nullptr;
}

void note_refused(const entry& e) noexcept {
  sync::lock_guard guard(table_lock);
  if (gs_owner* o = find_closing(e)) ++o->refused;
}

void lock_owners() noexcept { table_lock.lock(); }
void unlock_owners() noexcept { table_lock.unlock(); }
void owners_after_fork_in_child() noexcept { table_lock.reset_in_child(); }

}  // namespace graceslab::rcu
