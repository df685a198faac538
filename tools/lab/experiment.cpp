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
#include "many.hpp"
#include "print.hpp"
#include "progress.hpp"
#include "traffic.hpp"
#include "unsafe.hpp"

namespace graceslab::lab {
namespace {

constexpr const char* many_id = "many_caches";
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
void run_approaches(findings& f, const settings& s, traffic& threads, progress& show) {
  std::string module = find_module();
  int protection = gs_owner_protection(0);
  for (const approach_info& info : approaches()) {
    if (!asked_for(s, info.id)) continue;
    f.approaches.push_back(run_approach(info, f.table->ranges, module, threads, f.work, show));
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

findings experiment(const settings& s, const input& table, progress& show) {
  auto begin = std::chrono::steady_clock::now();
  findings f;
  f.table = &table;
  f.work = {s.rounds, s.seconds};
  f.readers = f.updaters = std::clamp(std::thread::hardware_concurrency(), 2u, most_threads);
  {
    traffic threads(table.ranges, f.readers, f.updaters);
    run_approaches(f, s, threads, show);
    if (asked_for(s, many_id)) f.many = run_many(show);
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
  return all + many_id;
}

void run(const settings& s) {
  check(s);
  input table;
  findings f;
  {
    progress show;
    show.step("reading the table");
    table = read_table(s);
    f = experiment(s, table, show);
  }
  if (s.json)
    print_json(f);
  else
    print_tables(f);
  tool::exit_status = f.good() ? 0 : 1;
}

}  // namespace graceslab::lab
