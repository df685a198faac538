// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The head of the page, and the table of targets.
#include <fmt/core.h>

#include <algorithm>

#include "../../page/shell.hpp"
#include "../../page/text.hpp"
#include "sections.hpp"

namespace graceslab::tool::bench::html {
namespace {

using page::escape;
using page::fact;
using page::number;
using page::with_unit;

std::string control_fact(const outcome& o) {
  series all;
  for (const played& p : o.contests)
    if (!p.control.samples.empty()) all.samples.push_back(p.control.median());
  if (all.samples.empty()) return {};
  return fmt::format("{} ns, {:.0f} % between the slowest and the fastest workload{}",
                     number(all.median()), 100 * all.spread(), drift(o));
}

std::string versions(const std::vector<std::string>& packages) {
  std::string all;
  for (const std::string& each : packages) all += (all.empty() ? "" : ", ") + escape(each);
  return all.empty() ? "unknown" : all;
}

const char* mark_of(const verdict& v) {
  std::string found = v.outcome();
  return found == "stretch" ? "\xe2\x9c\x93\xe2\x9c\x93"
         : found == "goal"  ? "\xe2\x9c\x93"
                            : "\xe2\x9c\x97";
}

const char* word_of(const verdict& v) {
  std::string found = v.outcome();
  return found == "stretch" ? "stretch met" : found == "goal" ? "goal met" : "missed";
}

std::string compared(const verdict& v) {
  std::string ours = v.asked.ours.contestants[0];
  if (v.against.empty()) return escape(ours);
  return fmt::format("{} {} against {} {}", escape(ours), number(v.ours), escape(v.against),
                     number(v.theirs));
}

std::string explanation(const verdict& v) {
  if (!v.explained()) return {};
  return "<details><summary>Why it is missed</summary>" + escape(v.asked.why) + "</details>";
}

std::string row(const verdict& v) {
  std::string unit = v.against.empty() ? v.asked.unit : "";
  return fmt::format(
      "<tr><td class=\"what\">{}<small>{}</small>{}</td>"
      "<td class=\"n\" data-name=\"{}\">{}<small>{} to {}</small></td>"
      "<td class=\"n\" data-name=\"Goal\">{}</td><td class=\"n\" data-name=\"Stretch\">{}</td>"
      "<td class=\"g\">{}</td><td class=\"o\"><span class=\"tag {}\">{} {}</span></td></tr>",
      escape(v.asked.what), compared(v), explanation(v), v.against.empty() ? "Value" : "Ratio",
      escape(with_unit(v.value, unit)), number(v.lowest), number(v.highest), number(v.asked.goal),
      number(v.asked.stretch), gauge(v), v.outcome(), mark_of(v), word_of(v));
}

}  // namespace

std::string head_of_page(const outcome& o) {
  auto count = [&](const std::string& what) {
    return std::count_if(o.verdicts.begin(), o.verdicts.end(),
                         [&](const verdict& v) { return v.outcome() == what; });
  };
  std::string text =
      "<header id=\"bench\"><h1>graceslab bench</h1><p class=\"lead\">Every operation beside its "
      "peers, played "
      "in turn in the same run. Times belong to this machine and this hour; ratios of medians are "
      "what repeats.</p><dl class=\"facts card\">";
  text += facts_of(o.where) + fact("Took", fmt::format("{:.0f} s", o.seconds));
  text += fact("Others used", fmt::format("{:.0f} % of all cores meanwhile", 100 * o.others_share));
  if (!o.verdicts.empty())
    text += fact("Targets", fmt::format("{} stretch met, {} goal met, {} missed", count("stretch"),
                                        count("goal"), count("missed")));
  std::string control = control_fact(o);
  if (!control.empty()) text += fact("Control loop", control);
  return text + "<div class=\"all\"><dt>Packages</dt><dd>" + versions(o.packages) +
         "</dd></div></dl></header>";
}

std::string targets(const outcome& o) {
  if (o.verdicts.empty()) return {};
  std::string text =
      "<section id=\"targets\"><h2>Targets</h2><div class=\"card\"><table class=\"targets\"><thead>"
      "<tr><th>Operation</th><th class=\"n\">Ratio or value</th><th class=\"n\">Goal</th>"
      "<th class=\"n\">Stretch</th><th>Against the goal</th><th>Outcome</th></tr></thead><tbody>";
  for (const verdict& v : o.verdicts) text += row(v);
  return text +
         "</tbody></table><p class=\"note\">Less is better. Each is the ratio of two medians, with "
         "the lowest and the highest ratio of the repetitions; or a value with its unit. The solid "
         "tick is the goal, the dashed one the stretch.</p></div></section>";
}

}  // namespace graceslab::tool::bench::html
