// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which attempt fails is a function of its number, so a run with the same settings fails at the
// same places.
#include "os/fault.hpp"

#include <graceslab/detail/atomic.h>

#include "base/hash.hpp"

namespace graceslab::os {
namespace {

constexpr std::uint64_t million = 1'000'000;

struct site_state {
  gs_fault fault;
  std::uint64_t attempts;
  std::uint64_t hits;
};
site_state sites[GS_FAULT_SITES];
std::uint32_t armed;  // one bit per site that may fail

bool valid(gs_fault_site site) noexcept { return static_cast<unsigned>(site) < GS_FAULT_SITES; }

// Takes one of the allowed hits, unless they are used up.
bool take_hit(site_state& s) noexcept {
  std::int64_t left = gs_load_relaxed(&s.fault.times);
  do {
    if (left < 0) return true;
    if (left == 0) return false;
  } while (!gs_compare_exchange(&s.fault.times, &left, left - 1));
  return true;
}

[[gnu::noinline]] bool decide(gs_fault_site site, std::uint32_t cache) noexcept {
  site_state& s = sites[site];
  const std::uint32_t only = gs_load_relaxed(&s.fault.cache);
  if (only != 0 && only != cache) return false;
  const std::uint64_t attempt = gs_fetch_add_relaxed(&s.attempts, std::uint64_t{1}) + 1;
  const std::uint32_t interval = gs_load_relaxed(&s.fault.interval);
  if (interval > 1 && attempt % interval != 0) return false;
  const std::uint64_t draw = base::mix(attempt * GS_FAULT_SITES + site) % million;
  if (draw >= gs_load_relaxed(&s.fault.probability_per_million) || !take_hit(s)) return false;
  gs_fetch_add_relaxed(&s.hits, std::uint64_t{1});
  return true;
}

}  // namespace

bool fault_now(gs_fault_site site, std::uint32_t cache) noexcept {
  if (GS_LIKELY((gs_load_relaxed(&armed) >> site & 1u) == 0)) return false;
  return decide(site, cache);
}

void set_fault(gs_fault_site site, const gs_fault* fault) noexcept {
  if (!valid(site)) return;
  const std::uint32_t bit = 1u << site;
  std::uint32_t before = gs_load_relaxed(&armed);
  while (!gs_compare_exchange(&armed, &before, before & ~bit)) {
  }
  if (!fault || fault->times == 0) return;
  site_state& s = sites[site];
  gs_store_relaxed(&s.fault.probability_per_million, fault->probability_per_million);
  gs_store_relaxed(&s.fault.interval, fault->interval);
  gs_store_relaxed(&s.fault.times, fault->times);
  gs_store_relaxed(&s.fault.cache, fault->cache);
  gs_store_relaxed(&s.attempts, std::uint64_t{0});
  gs_store_relaxed(&s.hits, std::uint64_t{0});
  gs_fetch_or(&armed, bit);
}

std::uint64_t fault_hits(gs_fault_site site) noexcept {
  return valid(site) ? gs_load_relaxed(&sites[site].hits) : 0;
}

}  // namespace graceslab::os
