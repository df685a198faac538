// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab torture`: everything at once, at random, with every answer checked.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "../commands.hpp"
#include "bounds_case.hpp"
#include "exit_child.hpp"
#include "phases.hpp"
#include "print.hpp"

namespace graceslab {
namespace torture {
namespace {

constexpr unsigned most_threads = 256;
constexpr std::uint64_t least_answer_ms = 30'000;
constexpr std::uint64_t bounds_hang_ms = 180'000;  // beyond the end of a case

using phases = std::vector<std::unique_ptr<phase>>;

struct named_phase {
  const char* name;
  std::unique_ptr<phase> (*make)(session&);
};
// As docs/guide/torture.md calls them. The order is the workers', and so the seed's.
constexpr named_phase every_phase[] = {
    {"pipes", make_pipes},     {"barriers", make_barriers},   {"exchange", make_exchange},
    {"churn", make_churn},     {"type-safe", make_type_safe}, {"forks", make_forks},
    {"unloads", make_unloads}, {"exits", make_exits},         {"signals", make_signals},
    {"fences", make_fences},   {"hazards", make_hazards},     {"faults", make_faults},
};

bool is_played(const options& o, const char* name) {
  return o.phases.empty() || std::find(o.phases.begin(), o.phases.end(), name) != o.phases.end();
}

void check_phases(const options& o) {
  std::string known;
  for (const named_phase& p : every_phase) known += fmt::format(" {}", p.name);
  for (const std::string& name : o.phases)
    if (std::none_of(std::begin(every_phase), std::end(every_phase),
                     [&](const named_phase& p) { return name == p.name; }))
      throw tool::usage_error(fmt::format("--phase must be one of:{}", known));
}

void check_bounds(options& o) {
  if (o.readers != 0 || o.updaters != 0)
    throw tool::usage_error("--bounds does not go with --readers and --updaters");
  if (!o.phases.empty()) throw tool::usage_error("--bounds does not go with --phase");
  o.least_rounds = bounds_pairs / bounds_judges;
  o.hang_ms = bounds_hang_ms;
}

void check(options& o) {
  if (!std::isfinite(o.seconds) || o.seconds < 0 || o.seconds > 1e6)
    throw tool::usage_error("--seconds must be a number from 0 to 1000000");
  if (o.readers > most_threads || o.updaters > most_threads)
    throw tool::usage_error("--readers and --updaters must be numbers from 0 to 256");
  check_phases(o);
  if (o.bounds) return check_bounds(o);
  if (!o.cgroup.empty()) throw tool::usage_error("--cgroup goes with --bounds only");
  unsigned cores = std::clamp(std::thread::hardware_concurrency(), 2u, 16u);
  if (o.readers == 0) o.readers = cores;
  if (o.updaters == 0) o.updaters = cores;
}

void print(const session& s, const findings& f) {
  if (s.asked().json)
    print_json(s.asked(), f);
  else
    print_text(s.asked(), f);
}

// Caches whose names are ours must all be gone, lingering ones too.
void check_nothing_left(session& s) {
  (void)gs_cache_destroy_barrier();
  gs_caches_visit(
      [](const gs_cache_stats* c, void* to) {
        if (std::string_view(c->name).starts_with("torture."))
          static_cast<session*>(to)->fail(trouble::count,
                                          "cache {} is left: stage {}, {} live, {} in flight",
                                          c->name, c->stage, c->live, c->retired - c->reclaimed);
      },
      &s);
}

// What follows asks the library, which may be broken: it has so long to answer.
void answer_within(std::uint64_t ms) {
  std::thread([ms] {
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    fmt::print(stderr, "torture: hang: after the run the library does not answer for {} s\n",
               ms / 1000);
    std::_Exit(1);
  }).detach();
}

// After trouble nothing is taken apart: it might never end, and would say nothing new.
[[noreturn]] void leave(session& s) {
  print(s, s.results());
  std::fflush(stdout);
  std::_Exit(1);
}

phases make_phases(session& s) {
  phases all;
  if (s.asked().bounds) {
    all.push_back(make_bounds(s));
    return all;
  }
  for (const named_phase& p : every_phase)
    if (is_played(s.asked(), p.name)) all.push_back(p.make(s));
  return all;
}

void run(options o) {
  check(o);
  session s(o);
  watch_for_crashes(s.asked().seed);
  report_watch reports(s);
  {
    const phases all = make_phases(s);
    const bool ended = s.run();
    answer_within(std::max(least_answer_ms, s.asked().hang_ms));
    if (!ended || s.failed()) leave(s);
  }
  check_nothing_left(s);
  if (s.failed()) leave(s);
  print(s, s.results());
}

}  // namespace
}  // namespace torture

void tool::add_torture(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("torture", "Play everything at random and check every answer");
  auto o = std::make_shared<torture::options>();
  auto flaws = std::make_shared<bool>(false);
  auto exit_child = std::make_shared<std::string>();
  auto bounds_child = std::make_shared<std::string>();
  command->add_option("--seconds", o->seconds, "How long")->capture_default_str();
  command->add_option("--seed", o->seed, "Repeats the choices of an earlier run; 0: a new one");
  command->add_option("--readers", o->readers, "Reading threads; 0: one per core");
  command->add_option("--updaters", o->updaters, "Updating threads; 0: one per core");
  command->add_option("--phase", o->phases, "Only this one; may be given several times")
      ->expected(1);
  command->add_flag("--json", o->json, "Print JSON, alone on standard output");
  command->add_flag("--bounds", o->bounds,
                    "Instead of all that: whether memory follows the working set, for every kind "
                    "of cache, load and limit");
  command->add_option("--cgroup", o->cgroup,
                      "Directory of a memory cgroup that processes of --bounds may join");
  command->add_flag("--list-flaws", *flaws,
                    "Print what can be broken on purpose in a test build, and exit");
  command->add_option("--exit-child", *exit_child)->group("");      // hidden: exits.cpp starts it
  command->add_option("--bounds-child", *bounds_child)->group("");  // the same, bounds.cpp
  command->footer("Exit status: 0 clean, 1 trouble was seen, 2 bad options");
  command->callback([o, flaws, exit_child, bounds_child] {
    if (!exit_child->empty())
      torture::be_exit_child(*exit_child);
    else if (!bounds_child->empty())
      torture::be_bounds_child(*bounds_child, o->cgroup);
    else if (*flaws)
      torture::print_flaws();
    else
      torture::run(*o);
  });
}

}  // namespace graceslab
