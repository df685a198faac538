// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One contest: a bar for each contestant, shortest first.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "../../page/charts.hpp"
#include "../../page/svg.hpp"
#include "../../page/text.hpp"
#include "plots.hpp"

namespace graceslab::tool::bench::html {

using page::number;
using page::with_unit;

std::string bars(const played& p, const cast& colours) {
  std::vector<page::bar> all;
  for (const entry& e : p.entries) {
    const series* s = p.of(e);
    if (s == nullptr) continue;
    all.push_back({e.who.name, colours.css(e.who), e.who.ours, s->median(), s->lowest(),
                   s->highest(),
                   fmt::format("{}: {}, lowest {}, highest {}, {} repetitions", e.who.name,
                               with_unit(s->median(), p.what.unit), number(s->lowest()),
                               number(s->highest()), s->samples.size())});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const page::bar& a, const page::bar& b) { return a.value < b.value; });
  return page::bars(p.what.name(), p.what.unit, all, "Nobody could play this.");
}

std::string gauge(const verdict& v) {
  constexpr double wide = 120, high = 16, goal_at = 80;
  double share = v.asked.goal > 0 && std::isfinite(v.value) ? v.value / v.asked.goal : 2;
  double stretch = v.asked.goal > 0 ? v.asked.stretch / v.asked.goal : 1;
  page::drawing d(
      wide, high, "against the goal",
      fmt::format("{:.0f} % of the goal; the stretch is at {:.0f} %", 100 * share, 100 * stretch));
  d.box({0, 4}, wide, 8, "track", "");
  d.box({0, 4}, std::min(share * goal_at, wide), 8, std::string("level ") + v.outcome(), "");
  d.line({stretch * goal_at, 2}, {stretch * goal_at, 14}, "limit stretch-limit");
  d.line({goal_at, 0}, {goal_at, 16}, "limit");
  return d.done();
}

}  // namespace graceslab::tool::bench::html
