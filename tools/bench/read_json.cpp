// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The outcome of a run, read back from what print_json() printed.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "results.hpp"

namespace graceslab::tool::bench {
namespace {

series series_of(const fields& from) { return {from.numbers("samples")}; }

contest contest_of(const fields& one) {
  contest c;
  c.workload = one.text("workload");
  fields parameters = one.object("parameters");
  for (const std::string& key : parameters.names())
    c.parameters[key] = parameters.text(key.c_str());
  c.metric = one.text("metric");
  c.unit = one.text("time_unit");
  c.group = one.text("group");
  return c;
}

entry entry_of(const fields& one) {
  entry e;
  e.who.name = one.text("contestant");
  e.who.ours = one.truth("ours");
  if (!one.has("metrics")) {
    e.absent = one.text("error_message");
    return e;
  }
  fields metrics = one.object("metrics");
  for (const std::string& name : metrics.names())
    e.metrics[name] = series_of(metrics.object(name.c_str()));
  return e;
}

// One line of `benchmarks`: those of one contest follow each other.
void add(std::vector<played>& contests, const fields& one) {
  contest c = contest_of(one);
  if (contests.empty() || contests.back().what.name() != c.name())
    contests.push_back({c, {}, series_of(one.object("control_ns"))});
  entry e = entry_of(one);
  if (contests.back().find(e.who.name) != nullptr)
    throw foreign_json("\"" + e.who.name + "\" is in one contest twice");
  contests.back().entries.push_back(std::move(e));
}

verdict verdict_of(const fields& one) {
  verdict v;
  v.asked.what = one.text("what");
  v.asked.ours.contestants = {one.text("contestant")};
  v.asked.goal = one.number("goal");
  v.asked.stretch = one.number("stretch");
  if (one.has("unit")) v.asked.unit = one.text("unit");
  if (one.has("why")) v.asked.why = one.text("why");
  v.ours = one.number("ours");
  v.value = one.number("value");
  v.lowest = one.number("lowest");
  v.highest = one.number("highest");
  if (!one.has("against")) return v;
  v.against = one.object("against").text("contestant");
  v.theirs = one.object("against").number("value");
  return v;
}

}  // namespace

outcome outcome_of(const fields& from) {
  outcome o;
  fields context = from.object("context");
  o.where = machine_of(context);
  o.packages = context.texts("packages");
  o.seconds = context.number("seconds");
  o.others_share = context.number("cpu_share_of_others");
  for (const fields& one : from.objects("benchmarks")) add(o.contests, one);
  if (o.contests.empty()) throw foreign_json("\"benchmarks\" is empty");
  for (const fields& one : from.objects("targets")) o.verdicts.push_back(verdict_of(one));
  return o;
}

}  // namespace graceslab::tool::bench
