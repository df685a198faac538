// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <graceslab/detail/abi.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "print.hpp"

namespace graceslab::lab {
namespace {

using json = nlohmann::ordered_json;

// Tenths are more than these clocks know.
double tenths(double v) { return std::round(v * 10) / 10; }

json of(const percentiles& p) { return {{"p50", tenths(p.p50)}, {"p99", tenths(p.p99)}}; }

json of(const approach_result& r) {
  return {{"id", r.info->id},
          {"paper", r.info->paper},
          {"verdict", r.kept() ? "ok" : "failed"},
          {"rounds", r.rounds},
          {"objects_in_flight", r.objects_in_flight},
          {"objects_retired", r.objects_retired},
          {"objects_reclaimed", r.objects_reclaimed},
          {"objects_leaked", r.objects_leaked},
          {"grace_periods", r.grace_periods},
          {"destroy_us", of(r.destroy_us)},
          {"home_us", of(r.home_us)},
          {"lookups_per_s", std::round(r.lookups_per_s)},
          {"updates_per_s", std::round(r.updates_per_s)},
          {"host_lookups_meanwhile", r.host_lookups_meanwhile},
          {"unmapped", r.unmapped},
          {"problems", r.problems}};
}

json of(const unsafe_result& r) {
  return {{"id", r.info->id},       {"protection", r.protection ? "on" : "off"},
          {"outcome", r.outcome},   {"caught", r.caught},
          {"evidence", r.evidence}, {"reports", r.reports}};
}

json of(const many_result& m) {
  json points = json::array();
  for (const many_point& p : m.points)
    points.push_back({{"caches", p.caches},
                      {"global_us", tenths(p.global_us)},
                      {"single_us", tenths(p.single_us)},
                      {"async_us", tenths(p.async_us)}});
  json crossover = m.crossover ? json(*m.crossover) : json(nullptr);
  return {{"crossover", crossover}, {"points", std::move(points)}, {"problems", m.problems}};
}

json of(const input& in) {
  json files = json::array();
  for (const input_file& f : in.files)
    files.push_back(
        {{"path", f.path}, {"lines", f.lines}, {"ranges", f.ranges}, {"malformed", f.malformed}});
  return {{"ranges", in.ranges.size()},
          {"ipv4", in.ipv4},
          {"ipv6", in.ipv6},
          {"files", std::move(files)}};
}

template <class T>
json all_of(const std::vector<T>& items) {
  json out = json::array();
  for (const T& item : items) out.push_back(of(item));
  return out;
}

}  // namespace

void print_json(const findings& f) {
  json root = {{"version", gs_version()},
               {"verdict", f.good() ? "ok" : "failed"},
               {"seconds", tenths(f.seconds)},
               {"rounds", f.work.rounds},
               {"load_seconds", f.work.seconds},
               {"readers", f.readers},
               {"updaters", f.updaters},
               {"input", of(*f.table)},
               {"approaches", all_of(f.approaches)},
               {"unsafe", all_of(f.unsafe)},
               {"many_caches", f.many ? of(*f.many) : json(nullptr)}};
  fmt::print("{}\n", root.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace graceslab::lab
