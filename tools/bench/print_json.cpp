// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Google Benchmark's form: `context`, and `benchmarks` with one aggregate each; `targets` is ours.
#include <fmt/core.h>
#include <graceslab/detail/version.h>

#include <nlohmann/json.hpp>

#include "results.hpp"

namespace graceslab::tool::bench {
namespace {

using nlohmann::json;

json context(const outcome& o) {
  const machine& m = o.where;
  return {{"date", m.date},         {"num_cpus", m.cores},
          {"mhz_per_cpu", m.mhz},   {"cpu", m.cpu},
          {"system", m.system},     {"compiler", m.compiler},
          {"packages", m.versions}, {"library_version", GRACESLAB_VERSION_STRING},
          {"seconds", o.seconds},   {"cpu_share_of_others", o.others_share}};
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
            {"ours", e.who.ours}};
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
  j["time_unit"] = p.what.unit;
  j["metric"] = p.what.metric;
  for (const auto& [metric, values] : e.metrics) j["metrics"][metric] = numbers(values);
  j["control_ns"] = numbers(p.control);
  return j;
}

json judged(const verdict& v) {
  json j = {{"what", v.asked.what},       {"ours", v.ours},        {"value", v.value},
            {"lowest", v.lowest},         {"highest", v.highest},  {"goal", v.asked.goal},
            {"stretch", v.asked.stretch}, {"outcome", v.outcome()}};
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
    for (const entry& e : p.entries)
      if (e.absent != "does not play this") all["benchmarks"].push_back(one(p, e));
  for (const verdict& v : o.verdicts) all["targets"].push_back(judged(v));
  fmt::print("{}\n", all.dump(2, ' ', false, json::error_handler_t::replace));
}

}  // namespace graceslab::tool::bench
