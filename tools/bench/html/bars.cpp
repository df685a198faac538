// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One contest: a bar for each contestant, shortest first.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "plots.hpp"
#include "svg.hpp"
#include "text.hpp"

namespace graceslab::tool::bench::html {
namespace {

using anchor = drawing::anchor;
constexpr double width = 360, left = 1, right = 359, row = 42, top = 4;

struct bar {
  const entry* who;
  const series* samples;
};

std::vector<bar> sorted_bars(const played& p) {
  std::vector<bar> all;
  for (const entry& e : p.entries)
    if (const series* s = p.of(e)) all.push_back({&e, s});
  std::stable_sort(all.begin(), all.end(), [](const bar& a, const bar& b) {
    return a.samples->median() < b.samples->median();
  });
  return all;
}

std::string told(const std::vector<bar>& all, const std::string& unit) {
  std::string text;
  for (const bar& b : all)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", b.who->who.name,
                        with_unit(b.samples->median(), unit));
  return text;
}

// Name and value stand above the bar, so that long names take no width from it.
void draw_bar(drawing& d, const bar& b, double y, const scale& x, const std::string& css,
              const std::string& unit) {
  const series& s = *b.samples;
  d.text({left, y + 15}, anchor::start, b.who->who.name, b.who->who.ours ? "name own" : "name");
  d.text({right, y + 15}, anchor::end, with_unit(s.median(), unit), "value");
  d.box({left, y + 21}, x.at(s.median()) - left, 12, "bar " + css,
        fmt::format("{}: {}, lowest {}, highest {}, {} repetitions", b.who->who.name,
                    with_unit(s.median(), unit), number(s.lowest()), number(s.highest()),
                    s.samples.size()));
  double low = x.at(s.lowest()), high = x.at(s.highest()), middle = y + 27;
  if (high - low < 1) return;
  d.line({low, middle}, {high, middle}, "whisker");
  for (double end : {low, high}) d.line({end, middle - 4}, {end, middle + 4}, "whisker");
}

}  // namespace

std::string bars(const played& p, const cast& colours) {
  std::vector<bar> all = sorted_bars(p);
  if (all.empty()) return "<p class=\"none\">Nobody could play this.</p>";
  std::vector<double> values = {};
  for (const bar& b : all)
    for (double v : {b.samples->lowest(), b.samples->median(), b.samples->highest()})
      values.push_back(v);
  scale x(values, left, right - 8);
  double bottom = top + row * static_cast<double>(all.size());
  drawing d(width, bottom + 24, p.what.name(), told(all, p.what.unit));
  for (double tick : x.ticks()) {
    d.line({x.at(tick), top}, {x.at(tick), bottom}, "grid");
    d.text({x.at(tick), bottom + 15}, tick == x.ticks().front() ? anchor::start : anchor::middle,
           number(tick), "tick");
  }
  for (std::size_t i = 0; i != all.size(); ++i)
    draw_bar(d, all[i], top + row * static_cast<double>(i), x, colours.css(all[i].who->who),
             p.what.unit);
  return d.done() + (x.logarithmic() ? "<p class=\"axis\">Logarithmic scale.</p>" : "");
}

std::string gauge(const verdict& v) {
  constexpr double wide = 120, high = 16, goal_at = 80;
  double share = v.asked.goal > 0 && std::isfinite(v.value) ? v.value / v.asked.goal : 2;
  double stretch = v.asked.goal > 0 ? v.asked.stretch / v.asked.goal : 1;
  drawing d(
      wide, high, "against the goal",
      fmt::format("{:.0f} % of the goal; the stretch is at {:.0f} %", 100 * share, 100 * stretch));
  d.box({0, 4}, wide, 8, "track", "");
  d.box({0, 4}, std::min(share * goal_at, wide), 8, std::string("level ") + v.outcome(), "");
  d.line({stretch * goal_at, 2}, {stretch * goal_at, 14}, "limit stretch-limit");
  d.line({goal_at, 0}, {goal_at, 16}, "limit");
  return d.done();
}

}  // namespace graceslab::tool::bench::html
