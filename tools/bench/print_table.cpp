// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <sstream>

#include "results.hpp"

namespace graceslab::tool::bench {
namespace {

void print_machine(const outcome& o) {
  const machine& m = o.where;
  fmt::print("{}, {} cores at {:.0f} MHz, {}, {}\n", m.cpu, m.cores, m.mhz, m.system, m.compiler);
  for (const std::string& version : o.packages)
    fmt::print("{}{}", &version == &o.packages[0] ? "" : ", ", version);
  fmt::print("\n");
}

void print_contest(const played& p) {
  fmt::print("\n  {}   (control loop {:.2f} ns, {:.0f} % apart)\n", p.what.name(),
             p.control.median(), 100 * p.control.spread());
  for (const entry& e : p.entries) {
    const series* s = p.of(e);
    if (s == nullptr) {
      fmt::print("    {:<34} -  {}\n", e.who.name, e.absent);
      continue;
    }
    fmt::print("    {:<34}{:>12.4g} {:<3}   {:.4g} .. {:.4g}", e.who.name, s->median(), p.what.unit,
               s->lowest(), s->highest());
    for (const auto& [metric, also] : e.metrics)
      if (metric != p.what.metric) fmt::print("   {} {:.4g}", metric, also.median());
    fmt::print("\n");
  }
}

void print_verdicts(const outcome& o) {
  if (o.verdicts.empty()) return;
  fmt::print("\n{:<58}{:>9}  {:<20}{:>8}{:>9}  {}\n", "target", "ratio", "lowest .. highest",
             "goal", "stretch", "");
  for (const verdict& v : o.verdicts) {
    fmt::print("{:<58}{:>9.3g}  {:<20}{:>8.3g}{:>9.3g}  {}\n", v.asked.what, v.value,
               fmt::format("{:.3g} .. {:.3g} {}", v.lowest, v.highest, v.asked.unit), v.asked.goal,
               v.asked.stretch, v.outcome());
    if (!v.against.empty())
      fmt::print("    {} {:.4g}, {} {:.4g}\n", v.asked.ours.contestants[0], v.ours, v.against,
                 v.theirs);
  }
}

void print_wrapped(const std::string& text, const std::string& indent) {
  constexpr std::size_t width = 110;
  std::istringstream words(text);
  std::string line = indent;
  for (std::string word; words >> word; line += word + " ")
    if (line.size() + word.size() > width) {
      fmt::print("{}\n", line);
      line = indent;
    }
  fmt::print("{}\n", line);
}

// Once for all the targets that are missed for the same reason.
void print_reasons(const outcome& o) {
  std::map<std::string, std::vector<std::string>> missed;
  for (const verdict& v : o.verdicts)
    if (v.explained()) missed[v.asked.why].push_back(v.asked.what);
  if (!missed.empty()) fmt::print("\nMissed: what was measured on our machine, and tried\n");
  for (const auto& [why, what] : missed) {
    fmt::print("\n");
    print_wrapped(fmt::format("{}:", fmt::join(what, "; ")), "");
    print_wrapped(why, "    ");
  }
}

}  // namespace

void print_table(const outcome& o) {
  print_machine(o);
  std::string group;
  for (const played& p : o.contests) {
    if (p.what.group != group) fmt::print("\n{}\n", p.what.group);
    group = p.what.group;
    print_contest(p);
  }
  print_verdicts(o);
  print_reasons(o);
  fmt::print(
      "\n{:.0f} s; other processes used {:.0f} % of the cores meanwhile. Medians of repetitions, "
      "peers in turn.\nTimes belong to this machine and this minute; ratios are what repeats.\n",
      o.seconds, 100 * o.others_share);
}

}  // namespace graceslab::tool::bench
