// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <fmt/core.h>

#include "charts.hpp"
#include "svg.hpp"
#include "text.hpp"

namespace graceslab::tool::page {
namespace {

using anchor = drawing::anchor;
constexpr double width = 360, left = 1, right = 359, row = 42, top = 4;

std::string told(const std::vector<bar>& all, const std::string& unit) {
  std::string text;
  for (const bar& b : all)
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", b.name, with_unit(b.value, unit));
  return text;
}

// Name and value stand above the bar, so that long names take no width from it.
void draw_bar(drawing& d, const bar& b, double y, const scale& x, const std::string& unit) {
  d.text({left, y + 15}, anchor::start, b.name, b.strong ? "name own" : "name");
  d.text({right, y + 15}, anchor::end, with_unit(b.value, unit), "value");
  d.box({left, y + 21}, x.at(b.value) - left, 12, "bar " + b.css, b.hint);
  double low = x.at(b.low), high = x.at(b.high), middle = y + 27;
  if (high - low < 1) return;
  d.line({low, middle}, {high, middle}, "whisker");
  for (double end : {low, high}) d.line({end, middle - 4}, {end, middle + 4}, "whisker");
}

}  // namespace

std::string bars(const std::string& title, const std::string& unit, const std::vector<bar>& all,
                 const std::string& none) {
  if (all.empty()) return "<p class=\"none\">" + escape(none) + "</p>";
  std::vector<double> values;
  for (const bar& b : all)
    for (double v : {b.low, b.value, b.high}) values.push_back(v);
  scale x(values, left, right - 8);
  double bottom = top + row * static_cast<double>(all.size());
  drawing d(width, bottom + 24, title, told(all, unit));
  for (double tick : x.ticks()) {
    d.line({x.at(tick), top}, {x.at(tick), bottom}, "grid");
    d.text({x.at(tick), bottom + 15}, tick == x.ticks().front() ? anchor::start : anchor::middle,
           number(tick), "tick");
  }
  for (std::size_t i = 0; i != all.size(); ++i)
    draw_bar(d, all[i], top + row * static_cast<double>(i), x, unit);
  return d.done() + (x.logarithmic() ? "<p class=\"axis\">Logarithmic scale.</p>" : "");
}

}  // namespace graceslab::tool::page
