// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One section for each group of workloads: plots, the same as tables, and who was absent.
#include <fmt/core.h>

#include <cctype>
#include <set>

#include "../../page/shell.hpp"
#include "../../page/text.hpp"
#include "sections.hpp"

namespace graceslab::tool::bench::html {
namespace {

using page::escape;
using page::number;

constexpr double steady = 0.1;  // the control loop's spread beyond which a reader should know

std::string table_row(const played& p, const entry& e, const series& s) {
  std::string also;
  for (const auto& [metric, values] : e.metrics)
    if (metric != p.what.metric)
      also +=
          fmt::format("{}{} {}", also.empty() ? "" : ", ", escape(metric), number(values.median()));
  return fmt::format(
      "<tr><td{}>{}</td><td class=\"n\">{}</td><td class=\"n\">{} to {}</td><td>{}</td></tr>",
      e.who.ours ? " class=\"own\"" : "", escape(e.who.name), number(s.median()),
      number(s.lowest()), number(s.highest()), also);
}

std::string one_contest(const played& p) {
  std::string text = fmt::format(
      "<tr><th>{}</th><th class=\"n\">median, {}</th><th class=\"n\">range</th><th></th></tr>",
      escape(p.what.name()), escape(p.what.unit));
  for (const entry& e : p.entries)
    if (const series* s = p.of(e)) text += table_row(p, e, *s);
  return text;
}

// A column for each value of the parameter. `metric`: empty for what the plot shows.
std::string family_row(const family& f, const contestant& who, const std::string& metric) {
  std::string text = fmt::format("<tr><td{}>{}</td>", who.ours ? " class=\"own\"" : "",
                                 escape(metric.empty() ? who.name : who.name + ", " + metric));
  for (const played* p : f.members) {
    const entry* e = p->find(who.name);
    const series* s = e != nullptr ? p->of(*e, metric) : nullptr;
    text += s == nullptr
                ? "<td class=\"n\"></td>"
                : fmt::format("<td class=\"n\">{}<small>{} to {}</small></td>", number(s->median()),
                              number(s->lowest()), number(s->highest()));
  }
  return text + "</tr>";
}

std::string whole_family(const family& f) {
  std::string text = fmt::format("<tr><th>median, {}; by {}</th>", escape(f.members[0]->what.unit),
                                 escape(f.parameter));
  std::vector<contestant> all;
  std::map<std::string, std::set<std::string>> metrics;
  for (const played* p : f.members) {
    text += "<th class=\"n\">" + escape(p->what.parameters.at(f.parameter)) + "</th>";
    for (const entry& e : p->entries) {
      if (p->of(e) == nullptr) continue;
      if (metrics.count(e.who.name) == 0) all.push_back(e.who);
      metrics[e.who.name].insert("");
      for (const auto& [metric, unused] : e.metrics)
        if (metric != p->what.metric) metrics[e.who.name].insert(metric);
    }
  }
  text += "</tr>";
  for (const contestant& who : all)
    for (const std::string& metric : metrics[who.name]) text += family_row(f, who, metric);
  return text;
}

// Open where there is room beside the plot.
std::string table(const family& f, bool open) {
  return fmt::format(
      "<details{}><summary>As a table</summary><div "
      "class=\"scroll\"><table>{}</table></div></details>",
      open ? " open" : "", f.parameter.empty() ? one_contest(*f.members[0]) : whole_family(f));
}

std::string unsteady(const family& f) {
  double most = 0;
  for (const played* p : f.members) most = std::max(most, p->control.spread());
  if (most <= steady) return {};
  return fmt::format(
      "<p class=\"note warn\">The machine was unsteady: the control loop varied by {:.0f} % "
      "here.</p>",
      100 * most);
}

std::string card(const family& f, const cast& colours, bool only) {
  std::string plot = f.parameter.empty() ? bars(*f.members[0], colours) : lines(f, colours);
  return fmt::format("<article class=\"card{}\"><div><h3>{}</h3>{}{}</div>{}</article>",
                     only ? " only" : "", escape(f.title()), plot, unsteady(f), table(f, only));
}

std::string absent(const std::vector<const played*>& contests) {
  std::set<std::string> all;
  for (const played* p : contests)
    for (const entry& e : p->entries)
      if (p->of(e) == nullptr) all.insert(e.who.name + " (" + e.absent + ")");
  std::string text;
  for (const std::string& each : all) text += (text.empty() ? "" : ", ") + escape(each);
  return text.empty() ? text : "<p class=\"absent\">Absent: " + text + ".</p>";
}

using grouped = std::vector<std::pair<std::string, std::vector<const played*>>>;

grouped by_group(const std::vector<played>& contests) {
  grouped all;
  for (const played& p : contests) {
    auto at = all.begin();
    while (at != all.end() && at->first != p.what.group) ++at;
    if (at == all.end()) at = all.insert(at, {p.what.group, {}});
    at->second.push_back(&p);
  }
  return all;
}

std::string section(const std::string& name, const std::vector<const played*>& contests,
                    const cast& colours) {
  std::string text = fmt::format("<section id=\"{}\"><h2>{}</h2><div class=\"grid\">",
                                 place_of(name), escape(name));
  std::vector<family> all = families(contests);
  for (const family& f : all) text += card(f, colours, all.size() == 1);
  return text + "</div>" + absent(contests) + "</section>";
}

}  // namespace

std::string place_of(const std::string& group) {
  std::string place = "group-";
  for (char c : group)
    place += std::isalnum(static_cast<unsigned char>(c)) != 0
                 ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
                 : '-';
  return place;
}

std::string groups(const outcome& o) {
  cast colours(o.contests);
  grouped all = by_group(o.contests);
  std::vector<std::pair<std::string, std::string>> places;
  for (const auto& [name, unused] : all) places.emplace_back(place_of(name), name);
  std::string text = page::navigation("Workloads", places);
  for (const auto& [name, contests] : all) text += section(name, contests, colours);
  return text;
}

}  // namespace graceslab::tool::bench::html
