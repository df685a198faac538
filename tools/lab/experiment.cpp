// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The experiment: every approach, the many-caches question, then the mistakes.
//
// This file and the command line (lab.cpp) are apart: CLI11's headers cannot stand before the
// library's inline entry points, because a static with a destructor makes the compiler declare
// __dso_handle by itself.
#include "experiment.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>

#include "../commands.hpp"
#include "approach.hpp"
#include "input.hpp"
#include "loader.hpp"
#include "questions.hpp"
#include "traffic.hpp"
#include "unsafe.hpp"

namespace graceslab::lab {
namespace {

constexpr const char* question_ids[] = {"many_caches",   "small_caches", "one_of_many",
                                        "parked_reader", "chains",       "innocents"};
// What parts of a run take on two cores, for the estimate.
constexpr double per_range_s = 2e-7, unsafe_s = 0.5, question_s = 0.3, question_round_s = 0.1;
constexpr unsigned most_threads = 8;  // of each sort; also the updaters' share of the host's table

bool asked_for(const settings& s, std::string_view id) {
  return s.only.empty() || std::find(s.only.begin(), s.only.end(), id) != s.only.end();
}

void check(const settings& s) {
  std::string known = " " + known_ids() + " ";
  for (const std::string& id : s.only)
    if (id.empty() || known.find(" " + id + " ") == known.npos)
      throw tool::usage_error(
          fmt::format("unknown approach \"{}\"; known are: {}", id, known_ids()));
  if (!std::isfinite(s.seconds) || s.seconds < 0 || s.seconds > 3600)
    throw tool::usage_error("--seconds must be a number from 0 to 3600");
  if (s.rounds < 1 || s.rounds > 100000)
    throw tool::usage_error("--rounds must be a number from 1 to 100000");
}

// The approaches have to keep their promise by themselves: owner protection stays off while they
// run.
void run_approaches(findings& f, const settings& s, const input& table, traffic& threads,
                    progress& show) {
  std::string module = find_module();
  int protection = gs_owner_protection(0);
  for (const approach_info& info : approaches()) {
    if (!asked_for(s, info.id)) continue;
    f.approaches.push_back(run_approach(info, table.ranges, module, threads, f.work, show));
    const approach_result& r = f.approaches.back();
    show.step("{}: {} rounds, {}", info.id, r.rounds, r.kept() ? "ok" : "FAILED");
  }
  gs_owner_protection(protection);
}

input read_table(const settings& s) {
  if (!s.inputs.empty()) return read_input(s.inputs);
  for (const std::string& path : default_paths())
    if (access(path.c_str(), R_OK) != 0)
      throw tool::usage_error(
          fmt::format("cannot read {}: install tor-geoipdb, or give --input FILE", path));
  return read_input(default_paths());
}

void ask(findings& f, const settings& s, traffic& threads, progress& show) {
  if (asked_for(s, "many_caches")) f.many = run_many(show);
  if (asked_for(s, "small_caches")) f.small = run_small(s.rounds, show);
  if (asked_for(s, "one_of_many")) f.one = run_one(s.rounds, show);
  if (asked_for(s, "parked_reader")) f.parked = run_parked(show);
  if (asked_for(s, "chains")) f.chains = run_chains(show);
  if (asked_for(s, "innocents")) f.innocents = run_innocents(s.rounds, threads, show);
}

findings experiment(const settings& s, const input& table, progress& show) {
  auto begin = std::chrono::steady_clock::now();
  findings f;
  f.where = tool::this_machine();
  f.table = {table.ranges.size(), table.ipv4, table.ipv6, table.files};
  f.work = {s.rounds, s.seconds};
  f.readers = f.updaters = std::clamp(std::thread::hardware_concurrency(), 2u, most_threads);
  {
    traffic threads(table.ranges, f.readers, f.updaters);
    run_approaches(f, s, table, threads, show);
    ask(f, s, threads, show);
  }
  f.unsafe = run_all_unsafe(s.only, show);
  f.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return f;
}

}  // namespace

std::string known_ids() {
  std::string all;
  for (const approach_info& a : approaches()) all += std::string(a.id) + " ";
  for (const unsafe_info& u : unsafe_variants()) all += std::string(u.id) + " ";
  for (const char* id : question_ids) all += std::string(id) + " ";
  all.pop_back();
  return all;
}

double estimate(const settings& s, std::size_t ranges) {
  auto chosen = [&s](const auto& all) {
    return static_cast<double>(std::count_if(
        all.begin(), all.end(), [&s](const auto& one) { return asked_for(s, one.id); }));
  };
  auto questions =
      static_cast<double>(std::count_if(std::begin(question_ids), std::end(question_ids),
                                        [&s](const char* id) { return asked_for(s, id); }));
  double round = s.seconds + per_range_s * static_cast<double>(ranges);
  return chosen(approaches()) * s.rounds * round + chosen(unsafe_variants()) * unsafe_s +
         questions * (question_s + question_round_s * s.rounds);
}

findings measure(const settings& s) {
  check(s);
  progress show;
  show.step("reading the table");
  input table = read_table(s);
  show.step("{} ranges; this will take some {:.0f} s on a machine that is not busy",
            table.ranges.size(), std::ceil(estimate(s, table.ranges.size())));
  return experiment(s, table, show);
}

}  // namespace graceslab::lab
