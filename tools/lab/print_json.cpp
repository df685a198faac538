// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "findings.hpp"

namespace graceslab::lab {
namespace {

using json = nlohmann::ordered_json;

// Tenths of a microsecond are more than these clocks know of a wait.
double tenths(double v) { return std::round(v * 10) / 10; }
double hundredths(double v) { return std::round(v * 100) / 100; }

json of(const percentiles& p) {
  return {{"p50", hundredths(p.p50)},
          {"p90", hundredths(p.p90)},
          {"p99", hundredths(p.p99)},
          {"max", hundredths(p.most)}};
}

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

json of(const many_point& p) {
  return {{"caches", p.caches},
          {"global_us", tenths(p.global_us)},
          {"single_us", tenths(p.single_us)},
          {"async_us", tenths(p.async_us)}};
}

json of(const small_row& r) {
  return {{"id", r.info->id}, {"destroy_us", of(r.destroy_us)}, {"parked_us", of(r.parked_us)}};
}

json of(const one_point& p) {
  return {{"others", p.others},
          {"given_up", p.given_up},
          {"one_us", tenths(p.one_us)},
          {"all_us", tenths(p.all_us)}};
}

json of(const parked_sample& s) {
  return {{"updates", s.updates}, {"waiting", s.waiting}, {"resident_bytes", s.resident_bytes}};
}

json of(const chain_point& p) {
  return {{"depth", p.depth},
          {"barriers", p.barriers},
          {"barriers_us", tenths(p.barriers_us)},
          {"drain_grace_periods", p.drain_grace_periods},
          {"drain_us", tenths(p.drain_us)},
          {"held_us", tenths(p.held_us)},
          {"home_us", tenths(p.home_us)}};
}

json of(const innocent_row& r) {
  return {{"id", r.info != nullptr ? json(r.info->id) : json(nullptr)},
          {"ended", r.ended},
          {"lookups_per_cpu_s", std::round(r.lookups_per_cpu_s)},
          {"update_us", of(r.update_us)},
          {"wait_us", of(r.wait_us)}};
}

json of(const input_file& f) {
  return {{"path", f.path}, {"lines", f.lines}, {"ranges", f.ranges}, {"malformed", f.malformed}};
}

json of(const parked_row& r);

template <class T>
json all_of(const std::vector<T>& items) {
  json out = json::array();
  for (const T& item : items) out.push_back(of(item));
  return out;
}

json of(const parked_row& r) {
  return {{"id", r.info->id},
          {"samples", all_of(r.samples)},
          {"home_us", tenths(r.home_us)},
          {"resident_after", r.resident_after}};
}

json of(const input_facts& in) {
  return {{"ranges", in.ranges}, {"ipv4", in.ipv4}, {"ipv6", in.ipv6}, {"files", all_of(in.files)}};
}

json of(const many_result& m) {
  json crossover = m.crossover ? json(*m.crossover) : json(nullptr);
  return {{"crossover", crossover}, {"points", all_of(m.points)}, {"problems", m.problems}};
}

json of(const small_result& r) {
  return {{"objects", r.objects},     {"repetitions", r.repetitions},
          {"parked_ms", r.parked_ms}, {"parked_repetitions", r.parked_repetitions},
          {"rows", all_of(r.rows)},   {"problems", r.problems}};
}

json of(const one_result& r) { return {{"points", all_of(r.points)}, {"problems", r.problems}}; }

json of(const parked_result& r) {
  return {{"object_bytes", r.object_bytes}, {"rows", all_of(r.rows)}, {"problems", r.problems}};
}

json of(const chains_result& r) { return {{"points", all_of(r.points)}, {"problems", r.problems}}; }

json of(const innocents_result& r) {
  return {{"seconds", r.seconds}, {"rows", all_of(r.rows)}, {"problems", r.problems}};
}

template <class T>
json of(const std::optional<T>& question) {
  return question ? of(*question) : json(nullptr);
}

}  // namespace

json json_of(const findings& f) {
  return {{"version", f.where.library},    {"verdict", f.good() ? "ok" : "failed"},
          {"seconds", tenths(f.seconds)},  {"machine", tool::json_of(f.where)},
          {"rounds", f.work.rounds},       {"load_seconds", f.work.seconds},
          {"readers", f.readers},          {"updaters", f.updaters},
          {"input", of(f.table)},          {"approaches", all_of(f.approaches)},
          {"unsafe", all_of(f.unsafe)},    {"many_caches", of(f.many)},
          {"small_caches", of(f.small)},   {"one_of_many", of(f.one)},
          {"parked_reader", of(f.parked)}, {"chains", of(f.chains)},
          {"innocents", of(f.innocents)}};
}

void print_json(const findings& f) {
  fmt::print("{}\n", json_of(f).dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace graceslab::lab
