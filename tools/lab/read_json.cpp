// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The findings, read back from what json_of() gave.
#include <nlohmann/json.hpp>
#include <string_view>

#include "findings.hpp"

namespace graceslab::lab {
namespace {

using tool::fields;
using tool::foreign_json;

template <class T>
const T* known(const std::vector<T>& all, const std::string& id) {
  for (const T& one : all)
    if (id == one.id) return &one;
  throw foreign_json("\"" + id + "\" is nothing that the laboratory knows");
}

unsigned small(const fields& from, const char* name) {
  return static_cast<unsigned>(from.count(name));
}

percentiles percentiles_in(const fields& from, const char* name) {
  fields p = from.object(name);
  return {p.number("p50"), p.number("p90"), p.number("p99"), p.number("max")};
}

// The rows of a question, each made by `one`.
template <class F>
auto rows(const fields& from, const char* name, F one) {
  std::vector<decltype(one(from))> all;
  for (const fields& each : from.objects(name)) all.push_back(one(each));
  return all;
}

// A question that was not asked is null.
template <class F>
auto question(const fields& from, const char* name, F one) {
  std::optional<decltype(one(from))> result;
  if (!from.has(name)) return result;
  fields f = from.object(name);
  result = one(f);
  result->problems = f.texts("problems");
  return result;
}

approach_result approach_in(const fields& from) {
  approach_result r;
  r.info = known(approaches(), from.text("id"));
  r.rounds = small(from, "rounds");
  r.objects_in_flight = from.count("objects_in_flight");
  r.objects_retired = from.count("objects_retired");
  r.objects_reclaimed = from.count("objects_reclaimed");
  r.objects_leaked = from.count("objects_leaked");
  r.grace_periods = from.count("grace_periods");
  r.destroy_us = percentiles_in(from, "destroy_us");
  r.home_us = percentiles_in(from, "home_us");
  r.lookups_per_s = from.number("lookups_per_s");
  r.updates_per_s = from.number("updates_per_s");
  r.host_lookups_meanwhile = from.count("host_lookups_meanwhile");
  r.unmapped = from.truth("unmapped");
  r.problems = from.texts("problems");
  return r;
}

unsafe_result unsafe_in(const fields& from) {
  unsafe_result r;
  r.info = known(unsafe_variants(), from.text("id"));
  r.protection = from.text("protection") == "on";
  r.outcome = from.text("outcome");
  r.evidence = from.text("evidence");
  r.reports = from.texts("reports");
  r.caught = from.truth("caught");
  return r;
}

many_result many_in(const fields& from) {
  many_result r;
  if (from.has("crossover")) r.crossover = small(from, "crossover");
  r.points = rows(from, "points", [](const fields& p) {
    return many_point{small(p, "caches"), p.number("global_us"), p.number("single_us"),
                      p.number("async_us")};
  });
  return r;
}

small_result small_in(const fields& from) {
  small_result r;
  r.objects = small(from, "objects");
  r.repetitions = small(from, "repetitions");
  r.parked_ms = small(from, "parked_ms");
  r.parked_repetitions = small(from, "parked_repetitions");
  r.rows = rows(from, "rows", [](const fields& row) {
    return small_row{known(approaches(), row.text("id")), percentiles_in(row, "destroy_us"),
                     percentiles_in(row, "parked_us")};
  });
  return r;
}

one_result one_in(const fields& from) {
  one_result r;
  r.points = rows(from, "points", [](const fields& p) {
    return one_point{small(p, "others"), p.count("given_up"), p.number("one_us"),
                     p.number("all_us")};
  });
  return r;
}

parked_row parked_row_in(const fields& from) {
  parked_row r;
  r.info = known(parked_ways(), from.text("id"));
  r.home_us = from.number("home_us");
  r.resident_after = from.count("resident_after");
  r.samples = rows(from, "samples", [](const fields& s) {
    return parked_sample{s.count("updates"), s.count("waiting"), s.count("resident_bytes")};
  });
  if (r.samples.empty()) throw foreign_json("\"samples\" is empty");
  return r;
}

parked_result parked_in(const fields& from) {
  parked_result r;
  r.object_bytes = from.count("object_bytes");
  r.rows = rows(from, "rows", parked_row_in);
  return r;
}

chains_result chains_in(const fields& from) {
  chains_result r;
  r.points = rows(from, "points", [](const fields& p) {
    return chain_point{small(p, "depth"),       small(p, "barriers"),
                       p.number("barriers_us"), p.count("drain_grace_periods"),
                       p.number("drain_us"),    p.number("held_us"),
                       p.number("home_us")};
  });
  return r;
}

innocents_result innocents_in(const fields& from) {
  innocents_result r;
  r.seconds = from.number("seconds");
  r.rows = rows(from, "rows", [](const fields& row) {
    return innocent_row{row.has("id") ? known(approaches(), row.text("id")) : nullptr,
                        row.count("ended"), row.number("lookups_per_cpu_s"),
                        percentiles_in(row, "update_us"), percentiles_in(row, "wait_us")};
  });
  return r;
}

input_facts input_in(const fields& from) {
  return {from.count("ranges"), from.count("ipv4"), from.count("ipv6"),
          rows(from, "files", [](const fields& f) {
            return input_file{f.text("path"), f.count("lines"), f.count("ranges"),
                              f.count("malformed")};
          })};
}

}  // namespace

findings findings_of(const fields& from) {
  findings f;
  f.where = tool::machine_of(from.object("machine"));
  f.seconds = from.number("seconds");
  f.work = {small(from, "rounds"), from.number("load_seconds")};
  f.readers = small(from, "readers");
  f.updaters = small(from, "updaters");
  f.table = input_in(from.object("input"));
  for (const fields& each : from.objects("approaches")) {
    f.approaches.push_back(approach_in(each));
    for (std::size_t i = 0; i + 1 < f.approaches.size(); ++i)
      if (f.approaches[i].info == f.approaches.back().info)
        throw foreign_json("an approach is there twice");
  }
  f.unsafe = rows(from, "unsafe", unsafe_in);
  f.many = question(from, "many_caches", many_in);
  f.small = question(from, "small_caches", small_in);
  f.one = question(from, "one_of_many", one_in);
  f.parked = question(from, "parked_reader", parked_in);
  f.chains = question(from, "chains", chains_in);
  f.innocents = question(from, "innocents", innocents_in);
  return f;
}

}  // namespace graceslab::lab
