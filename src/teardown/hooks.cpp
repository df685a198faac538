// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The lower layers' hooks, tied to what stands above them. Constant, so that there is no order of
// start-up to get wrong.
#include "slab/hooks.hpp"

#include "os/busted.hpp"
#include "rcu/domain.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

bool any(gs_domain* d, bool (*wanted)(slab::cache&)) noexcept {
  for (std::uint32_t id = 1; id < slab::cache_ids(); ++id) {
    slab::cache* c = slab::cache_from_id(id);
    slab::cache_glimpse seen;
    if (slab::glimpse(*c, &seen) && rcu::record_of(seen.domain) == d && wanted(*c)) return true;
  }
  return false;
}

// Destructors retire, also into caches that were looked at before theirs.
bool retires_pending(gs_domain* d) noexcept {
  const std::uint64_t ended = gs_load_seq_cst(&rcu::room(d).runs);
  return any(d, reclaim::anything_pending) || gs_load_seq_cst(&rcu::room(d).runs) != ended;
}

const rcu::upper_hooks up = {
    reclaim::retire_barrier,
    retires_pending,
    [](gs_domain* d) { return any(d, [](slab::cache&) { return true; }); },
    [](gs_domain* d) {
      rcu::upper_room& room = rcu::room(d);
      return rcu::domain_totals{gs_load_relaxed(&room.retired), gs_load_relaxed(&room.reclaimed)};
    },
    settle_owner,
    settle_retires,
};

[[gnu::constructor]] void tie() { rcu::set_upper_hooks(up); }

}  // namespace
}  // namespace graceslab::teardown

namespace graceslab::slab {
namespace {

struct opening {
  void (*open)(cache&);
  cache& c;
};

bool open_in_domain(cache& c, void (*open)(cache&)) noexcept {
  const rcu::domain_ref r = rcu::ref_of(c.domain);
  opening o{open, c};
  os::open_window();
  const bool opened = rcu::while_named(
      r, [](void* arg) { static_cast<opening*>(arg)->open(static_cast<opening*>(arg)->c); }, &o);
  if (!opened) rcu::report_stale(r, "creation of a cache");
  return opened;
}

}  // namespace

constinit const grace_hooks hooks = {
    [](gs_domain* d) noexcept { return rcu::snapshot(rcu::record_of(d)); },
    [](gs_domain* d, std::uint64_t cookie) noexcept {
      return rcu::done(rcu::record_of(d), cookie);
    },
    reclaim::deferred,
    reclaim::reclaimed,
    reclaim::weigh,
    reclaim::activate,
    teardown::late_free,
    reclaim::ripen,
    reclaim::relieve,
    [](gs_domain* d) noexcept -> sync::account& { return rcu::room(rcu::record_of(d)).memory; },
    [](gs_domain* d) noexcept { return rcu::memory_limit(rcu::record_of(d)); },
    [](gs_domain* d) noexcept { return rcu::domain_id(rcu::record_of(d)); },
    [](gs_domain* d) noexcept {
      const rcu::domain_ref r = rcu::ref_of(d);
      return gs_load_relaxed(&r.record->handle) == r.handle ? rcu::reader_nesting(r.record) : 0;
    },
    open_in_domain,
};

}  // namespace graceslab::slab
