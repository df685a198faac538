// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Google Benchmark's form: `context`, and `benchmarks` with one aggregate each; `targets` is ours.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "results.hpp"

namespace graceslab::tool::bench {
namespace {

using json = nlohmann::ordered_json;

json context(const outcome& o) {
  json j = json_of(o.where);
  j["packages"] = o.packages;
  j["seconds"] = o.seconds;
  j["cpu_share_of_others"] = o.others_share;
  return j;
}

json numbers(const series& s) {
  return {
      {"median", s.median()}, {"min", s.lowest()}, {"max", s.highest()}, {"samples", s.samples}};
}

json one(const played& p, const entry& e) {
  std::string name = p.what.name() + "/" + e.who.name;
  json j = {{"name", name},
            {"run_name", name},
            {"group", p.what.group},
            {"contestant", e.who.name},
            {"ours", e.who.ours},
            {"workload", p.what.workload},
            {"parameters", p.what.parameters},
            {"metric", p.what.metric},
            {"time_unit", p.what.unit},
            {"control_ns", numbers(p.control)}};
  const series* s = p.of(e);
  if (s == nullptr) {
    j["error_occurred"] = true;
    j["error_message"] = e.absent;
    return j;
  }
  j["run_type"] = "aggregate";
  j["aggregate_name"] = "median";
  j["repetitions"] = s->samples.size();
  j["real_time"] = s->median();
  for (const auto& [metric, values] : e.metrics) j["metrics"][metric] = numbers(values);
  return j;
}

json judged(const verdict& v) {
  json j = {{"what", v.asked.what},  {"contestant", v.asked.ours.contestants[0]},
            {"ours", v.ours},        {"value", v.value},
            {"lowest", v.lowest},    {"highest", v.highest},
            {"goal", v.asked.goal},  {"stretch", v.asked.stretch},
            {"outcome", v.outcome()}};
  if (v.against.empty())
    j["unit"] = v.asked.unit;
  else
    j["against"] = {{"contestant", v.against}, {"value", v.theirs}};
  if (v.explained()) j["why"] = v.asked.why;
  return j;
}

}  // namespace

void print_json(const outcome& o) {
  json all = {{"context", context(o)}, {"benchmarks", json::array()}, {"targets", json::array()}};
  for (const played& p : o.contests)
    for (const entry& e : p.entries) all["benchmarks"].push_back(one(p, e));
  for (const verdict& v : o.verdicts) all["targets"].push_back(judged(v));
  fmt::print("{}\n", all.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace graceslab::tool::bench
