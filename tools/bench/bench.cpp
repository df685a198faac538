// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab bench`: every workload is played by us and by our peers in turn, again and again, each
// trial in a process of its own. Ratios of medians are what repeats on another machine.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <regex>

#include "../commands.hpp"
#include "../page/shell.hpp"
#include "../replaced_file.hpp"
#include "cpu_share.hpp"
#include "results.hpp"
#include "trials.hpp"

namespace graceslab::tool {
namespace {

using namespace bench;

struct options {
  unsigned repetitions = 5;
  double seconds = 0.05;
  std::string filter;
  std::string html;
  bool json = false;
  bool list = false;
};

std::regex compiled(const std::string& filter) {
  try {
    return std::regex(filter);
  } catch (const std::regex_error&) {
    throw usage_error(fmt::format("--filter: '{}' is no regular expression", filter));
  }
}

std::vector<contest> chosen(const catalogue& c, const options& o) {
  std::regex wanted = compiled(o.filter);
  std::vector<contest> all;
  for (const contest& each : c.contests)
    if (std::regex_search(each.name(), wanted)) all.push_back(each);
  if (all.empty())
    throw usage_error(fmt::format("--filter: no workload matches '{}'; see --list", o.filter));
  return all;
}

// Whoever fails once is left out from then on, with the reason.
void play_round(stadium& s, played& p, double seconds) {
  for (entry& e : p.entries) {
    if (!e.absent.empty()) continue;
    figures f;
    if (!s.play(e.who, p.what, seconds, &f, &e.absent)) {
      e.metrics.clear();
      fmt::print(stderr, "bench: {}: {}: {}\n", p.what.name(), e.who.name, e.absent);
      if (e.who.ours) exit_status = 1;
    }
    for (const auto& [metric, value] : f) e.metrics[metric].samples.push_back(value);
  }
  p.control.samples.push_back(s.control_ns(0.005));
}

played play(stadium& s, const contest& what, const options& o) {
  played p = {what, {}, {}};
  for (const contestant& who : what.contestants)
    if (s.plays(who, what.workload)) p.entries.push_back({who, {}, s.absent(who)});
  double seconds = what.seconds > 0 ? what.seconds : o.seconds;
  unsigned repetitions = what.repetitions > 0 ? what.repetitions : o.repetitions;
  for (unsigned i = 0; i != repetitions; ++i) play_round(s, p, seconds);
  return p;
}

class progress {
 public:
  explicit progress(std::size_t all) : all_(all), terminal_(isatty(STDERR_FILENO) != 0) {}
  void now(const contest& c) {
    fmt::print(stderr, "{}bench: {} of {}: {}{}", terminal_ ? "\r\x1b[K" : "", ++done_, all_,
               c.name(), terminal_ ? "" : "\n");
    std::fflush(stderr);
  }
  void end() const {
    if (terminal_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  std::size_t all_, done_ = 0;
  bool terminal_;
};

outcome measure(const options& o) {
  catalogue c = everything();
  std::vector<contest> contests = chosen(c, o);
  if (!o.html.empty()) expect_writable(o.html, "--html");  // before minutes of measuring
  stadium s;
  outcome result;
  result.where = this_machine();
  result.packages = package_versions();
  auto began = std::chrono::steady_clock::now();
  cpu_share share;
  progress shown(contests.size());
  for (const contest& each : contests) {
    shown.now(each);
    result.contests.push_back(play(s, each, o));
  }
  shown.end();
  result.others_share = share.of_others();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  result.verdicts = judge(c.targets, result.contests);
  return result;
}

void run(const options& o) {
  if (!std::isfinite(o.seconds)) throw usage_error("--seconds: not a number of seconds");
  if (o.list) {
    for (const contest& each : chosen(everything(), o)) fmt::print("{}\n", each.name());
    return;
  }
  outcome result = measure(o);
  if (!o.html.empty())
    replace_file(o.html, "--html", page::whole("graceslab bench", html_of(result)));
  o.json ? print_json(result) : print_table(result);
}

}  // namespace

void add_bench(CLI::App& app) {
  auto o = std::make_shared<options>();
  CLI::App* bench = app.add_subcommand(
      "bench", "Measure every operation beside liburcu, allocators and other peers");
  bench->add_option("--filter", o->filter, "Only workloads whose names this expression finds");
  bench->add_option("--repetitions", o->repetitions, "Trials of each peer in each workload")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  bench->add_option("--seconds", o->seconds, "How long a trial measures")
      ->check(CLI::Range(0.001, 60.0))
      ->capture_default_str();
  bench->add_flag("--list", o->list, "Print the names of the workloads, and exit");
  bench->add_flag("--json", o->json, "Print JSON, alone on standard output");
  bench->add_option("--html", o->html, "Write one page with plots to this file");
  bench->footer("Exit status: 0 measured, 1 graceslab itself failed in a workload, 2 bad options");
  bench->callback([o] { run(*o); });
}

}  // namespace graceslab::tool
