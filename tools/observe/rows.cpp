// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "observe/rows.hpp"

#include <fmt/core.h>
#include <graceslab/detail/abi.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

namespace graceslab::tool::observe {
namespace {

// A record may have become another cache meanwhile: then it counts less than before.
double rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return now > before && seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
}

template <class Row>
std::map<std::uint32_t, const Row*> by_id(const std::vector<Row>& rows) {
  std::map<std::uint32_t, const Row*> found;
  for (const Row& row : rows) found[row.id] = &row;
  return found;
}

template <class Row>
const Row* same(const std::map<std::uint32_t, const Row*>& before, const Row& now) {
  const auto at = before.find(now.id);
  const bool known = at != before.end() && std::strcmp(at->second->name, now.name) == 0;
  return known ? at->second : nullptr;
}

std::string oldest_of(const gs_observe_domain& d) {
  if (d.unseen != 0) return "?";
  if (d.oldest_thread == 0) return "-";
  return fmt::format("{} ({}) x{}", d.oldest_thread, d.oldest_name, d.oldest_nesting);
}

nlohmann::ordered_json json_row(const domain_row& r) {
  const gs_observe_domain& d = r.now;
  nlohmann::ordered_json row = {{"name", d.name},
                                {"id", d.id},
                                {"readers", d.readers},
                                {"threads", d.slots},
                                {"grace_periods", d.completed},
                                {"grace_periods_per_s", r.grace_periods_per_s},
                                {"grace_periods_pending", d.started - d.completed},
                                {"callbacks_queued", r.callbacks_queued()},
                                {"callbacks_per_s", r.callbacks_per_s},
                                {"barrier_waiters", d.barrier_waiters},
                                {"pending_bytes", d.pending_bytes},
                                {"memory_bytes", d.memory_bytes},
                                {"stalls", d.stalls}};
  if (d.unseen == 0 && d.oldest_thread != 0)
    row["oldest_section"] = {{"thread", d.oldest_thread},
                             {"name", d.oldest_name},
                             {"nesting", d.oldest_nesting},
                             {"at_least_ms", d.oldest_ms}};
  else
    row["oldest_section"] = nullptr;
  return row;
}

nlohmann::ordered_json json_row(const cache_row& r) {
  const gs_observe_cache& c = r.now;
  if (c.unseen != 0) return {{"name", c.name}, {"id", c.id}, {"busy", true}};
  return {{"name", c.name},
          {"id", c.id},
          {"domain", c.domain},
          {"stage", stage_name(c.stage)},
          {"policy", policy_name(c.policy)},
          {"object_bytes", c.object_bytes},
          {"stride_bytes", c.stride_bytes},
          {"objects", c.objects},
          {"allocated", c.allocated},
          {"free_in_slabs", c.free_in_slabs},
          {"parked", c.parked},
          {"ready", c.ready},
          {"deferred", c.deferred},
          {"oldest_deferred_ms", c.oldest_ms},
          {"unborn", c.unborn},
          {"leaked", c.leaked},
          {"late_frees", c.late_frees},
          {"slabs", c.slabs},
          {"slabs_used", c.slabs_used},
          {"slab_bytes", c.slab_bytes},
          {"slab_objects", c.slab_objects},
          {"resident_bytes", c.resident_bytes},
          {"retired", c.retired},
          {"retired_per_s", r.retired_per_s},
          {"reclaimed", c.reclaimed},
          {"reclaimed_per_s", r.reclaimed_per_s},
          {"destroyed_ms", c.destroyed_ms}};
}

}  // namespace

double cache_row::used_percent() const {
  if (now.objects == 0) return 0;
  return 100.0 * static_cast<double>(now.allocated + now.deferred) /
         static_cast<double>(now.objects);
}

view compare(const snapshot& before, snapshot now) {
  view v;
  v.seconds = static_cast<double>(now.now_ns - before.now_ns) / 1e9;
  const auto domains = by_id(before.domains);
  for (const gs_observe_domain& d : now.domains) {
    const gs_observe_domain* old = same(domains, d);
    const gs_observe_domain& b = old != nullptr ? *old : d;
    v.domains.push_back({d, rate(b.completed, d.completed, v.seconds),
                         rate(b.callbacks_invoked, d.callbacks_invoked, v.seconds)});
  }
  const auto caches = by_id(before.caches);
  for (const gs_observe_cache& c : now.caches) {
    const gs_observe_cache* old = same(caches, c);
    const gs_observe_cache& b = old != nullptr ? *old : c;
    v.caches.push_back(
        {c, rate(b.retired, c.retired, v.seconds), rate(b.reclaimed, c.reclaimed, v.seconds)});
  }
  return v;
}

const std::vector<order>& orders() {
  using row = const cache_row&;
  static const std::vector<order> all = {
      {'s', "size", [](row a, row b) { return a.now.resident_bytes > b.now.resident_bytes; }},
      {'n', "name", [](row a, row b) { return std::strcmp(a.now.name, b.now.name) < 0; }},
      {'a', "allocated", [](row a, row b) { return a.now.allocated > b.now.allocated; }},
      {'d', "deferred", [](row a, row b) { return a.now.deferred > b.now.deferred; }},
      {'o', "oldest", [](row a, row b) { return a.now.oldest_ms > b.now.oldest_ms; }},
      {'r', "rate", [](row a, row b) { return a.retired_per_s > b.retired_per_s; }},
      {'g', "stage", [](row a, row b) { return a.now.stage > b.now.stage; }},
  };
  return all;
}

void sort(std::vector<cache_row>& rows, const order& by) {
  std::stable_sort(rows.begin(), rows.end(), by.before);
}

const char* stage_name(std::uint32_t stage) {
  constexpr const char* names[] = {"open", "closing", "draining", "gone"};
  return stage < std::size(names) ? names[stage] : "?";
}

const char* policy_name(std::uint32_t policy) {
  constexpr const char* names[] = {"default", "linger", "report", "wait", "wait-if"};
  return policy < std::size(names) ? names[policy] : "?";
}

std::string domain_header() {
  return fmt::format("{:<16} {:>7} {:>9} {:>8} {:>9} {:>9} {:>8} {:>6} {:>9}  {}", "DOMAIN",
                     "READERS", "GP/S", "GP-WAIT", "CALLBACKS", "CB/S", "BARRIERS", "STALLS",
                     "OLDEST-MS", "OLDEST SECTION");
}

std::string line_of(const domain_row& r) {
  const gs_observe_domain& d = r.now;
  return fmt::format("{:<16.16} {:>7} {:>9.1f} {:>8} {:>9} {:>9.1f} {:>8} {:>6} {:>9}  {}", d.name,
                     d.readers, r.grace_periods_per_s, d.started - d.completed,
                     r.callbacks_queued(), r.callbacks_per_s, d.barrier_waiters, d.stalls,
                     d.oldest_ms, oldest_of(d));
}

std::string cache_header() {
  return fmt::format(
      "{:<20} {:>8} {:>8} {:>4} {:>7} {:>6} {:>8} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:<7} "
      "{}",
      "CACHE", "OBJS", "ACTIVE", "USE%", "SIZE", "SLABS", "OBJ/SLAB", "KIB", "DEFERRED", "READY",
      "PARKED", "OLDEST-MS", "RETIRE/S", "RECLAIM/S", "POLICY", "STAGE");
}

std::string line_of(const cache_row& r) {
  const gs_observe_cache& c = r.now;
  if (c.unseen != 0) return fmt::format("{:<20.20} busy", c.name);
  return fmt::format(
      "{:<20.20} {:>8} {:>8} {:>3.0f}% {:>7} {:>6} {:>8} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9.1f} "
      "{:>9.1f} {:<7} {}",
      c.name, c.objects, c.allocated, r.used_percent(), c.object_bytes, c.slabs, c.slab_objects,
      c.resident_bytes / 1024, c.deferred, c.ready, c.parked, c.oldest_ms, r.retired_per_s,
      r.reclaimed_per_s, policy_name(c.policy), stage_name(c.stage));
}

std::string json_of(std::uint32_t pid, const view& v, int indent) {
  nlohmann::ordered_json root = {{"version", gs_version()},
                                 {"pid", pid},
                                 {"seconds", v.seconds},
                                 {"domains", nlohmann::ordered_json::array()},
                                 {"caches", nlohmann::ordered_json::array()}};
  for (const domain_row& r : v.domains) root["domains"].push_back(json_row(r));
  for (const cache_row& r : v.caches) root["caches"].push_back(json_row(r));
  return root.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace graceslab::tool::observe
