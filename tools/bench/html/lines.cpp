// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A family of contests: a line for each contestant, over the parameter that varies.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "../../page/charts.hpp"
#include "../../page/svg.hpp"
#include "../../page/text.hpp"
#include "plots.hpp"

namespace graceslab::tool::bench::html {
namespace {

using page::number;
using page::with_unit;

page::sample sample_of(const contestant& who, double x, const series& s, const std::string& unit) {
  return {x, s.median(), s.lowest(), s.highest(),
          fmt::format("{} at {}: {}, lowest {}, highest {}", who.name, number(x),
                      with_unit(s.median(), unit), number(s.lowest()), number(s.highest()))};
}

}  // namespace

std::string lines(const family& f, const cast& colours) {
  std::vector<page::curve> all;
  const std::string& unit = f.members[0]->what.unit;
  for (const played* p : f.members)
    for (const entry& e : p->entries) {
      const series* s = p->of(e);
      if (s == nullptr) continue;
      auto at = std::find_if(all.begin(), all.end(),
                             [&](const page::curve& c) { return c.name == e.who.name; });
      if (at == all.end())
        at = all.insert(all.end(),
                        {e.who.name, colours.css(e.who), colours.shape(e.who), e.who.ours, {}});
      double x = std::strtod(p->what.parameters.at(f.parameter).c_str(), nullptr);
      at->samples.push_back(sample_of(e.who, x, *s, unit));
    }
  return page::lines({f.title(), f.parameter, unit}, all, "Nobody could play this.");
}

std::string drift(const outcome& o) {
  constexpr double wide = 300, high = 48;
  std::vector<double> all;
  for (const played& p : o.contests)
    if (!p.control.samples.empty()) all.push_back(p.control.median());
  if (all.size() < 2) return {};
  page::scale y(all, high - 4, 4);
  std::vector<page::spot> points;
  for (std::size_t i = 0; i != all.size(); ++i)
    points.push_back({4 + (wide - 8) * static_cast<double>(i) / static_cast<double>(all.size() - 1),
                      y.at(all[i])});
  page::drawing d(wide, high, "control loop",
                  "its time in each workload, in the order played, from zero");
  d.line({4, high - 4}, {wide - 4, high - 4}, "grid");
  d.path(points, "curve control");
  return d.done();
}

}  // namespace graceslab::tool::bench::html
