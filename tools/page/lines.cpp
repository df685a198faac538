// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "charts.hpp"
#include "svg.hpp"
#include "text.hpp"

namespace graceslab::tool::page {
namespace {

using anchor = drawing::anchor;
constexpr double width = 360, height = 280, left = 48, right = 356, top = 12, bottom = 238;

// Over more than a factor of twenty by powers, with nought one step before the first.
class positions {
 public:
  explicit positions(const std::vector<curve>& all) {
    for (const curve& c : all)
      for (const sample& s : c.samples) values_.insert(s.x);
    for (double v : values_)
      if (v > 0) least_ = std::min(least_, v);
    powers_ = *values_.rbegin() / least_ > 20;
    first_ = place(*values_.begin());
    last_ = place(*values_.rbegin());
  }
  double at(double v) const {
    constexpr double inset = 10;
    double share = last_ > first_ ? (place(v) - first_) / (last_ - first_) : 0.5;
    return left + inset + share * (right - left - 2 * inset);
  }
  bool powers() const { return powers_; }
  const std::set<double>& values() const { return values_; }

 private:
  double place(double v) const {
    if (!powers_) return v;
    return v > 0 ? std::log2(v / least_) : -1.5;
  }
  std::set<double> values_;
  double least_ = std::numeric_limits<double>::infinity(), first_ = 0, last_ = 0;
  bool powers_ = false;
};

void draw_axes(drawing& d, const positions& x, const scale& y, const std::string& parameter) {
  for (double tick : y.ticks()) {
    d.line({left, y.at(tick)}, {right, y.at(tick)}, "grid");
    d.text({left - 6, y.at(tick) + 4}, anchor::end, number(tick), "tick");
  }
  double free_from = 0;  // where the next label has room
  for (double v : x.values()) {
    std::string label = number(v);
    double half = 4.2 * static_cast<double>(std::min<std::size_t>(label.size(), 7)), at = x.at(v);
    if (at - half < free_from) continue;
    d.text({std::min(at, width - half), bottom + 17}, anchor::middle, label, "tick");
    free_from = at + half;
  }
  d.text({(left + right) / 2, height - 6}, anchor::middle, parameter, "tick");
}

void draw_curve(drawing& d, const curve& c, const positions& x, const scale& y) {
  std::vector<spot> points;
  for (const sample& s : c.samples) {
    points.push_back({x.at(s.x), y.at(s.y)});
    if (std::abs(y.at(s.low) - y.at(s.high)) > 2)
      d.line({points.back().x, y.at(s.low)}, {points.back().x, y.at(s.high)}, "spread " + c.css);
  }
  std::string weight = c.strong ? " strong" : "";
  d.path(points, "curve " + c.css + weight);
  for (std::size_t i = 0; i != points.size(); ++i)
    d.mark(points[i], c.shape, "mark " + c.css, c.samples[i].hint);
}

std::string legend(const std::vector<curve>& all) {
  std::string text = "<ul class=\"legend\">";
  for (const curve& c : all)
    text += fmt::format(
        "<li{}><svg viewBox=\"0 0 26 14\" aria-hidden=\"true\"><line x1=\"1\" y1=\"7\" x2=\"25\" "
        "y2=\"7\" class=\"curve {}{}\"/><path d=\"{}\" class=\"mark {}\"/></svg>{}</li>",
        c.strong ? " class=\"own\"" : "", c.css, c.strong ? " strong" : "",
        mark_path({13, 7}, c.shape, 5), c.css, escape(c.name));
  return text + "</ul>";
}

std::string told(const std::vector<curve>& all, const std::string& unit) {
  std::string text;
  for (const curve& c : all) {
    text += (text.empty() ? "" : "; ") + c.name + ":";
    for (const sample& s : c.samples)
      text += fmt::format(" {} at {},", with_unit(s.y, unit), number(s.x));
    if (text.back() == ',') text.pop_back();
  }
  return text;
}

}  // namespace

std::string lines(const axes& what, const std::vector<curve>& all, const std::string& none) {
  std::vector<double> values;
  for (const curve& c : all)
    for (const sample& s : c.samples)
      for (double v : {s.low, s.y, s.high}) values.push_back(v);
  if (values.empty()) return "<p class=\"none\">" + escape(none) + "</p>";
  scale y(values, bottom, top, 6);
  positions x(all);
  drawing d(width, height, what.title, told(all, what.unit));
  draw_axes(d, x, y, what.x);
  // The strong ones last, so that they lie on top.
  for (bool strong : {false, true})
    for (const curve& c : all)
      if (c.strong == strong) draw_curve(d, c, x, y);
  return d.done() + legend(all) +
         fmt::format("<p class=\"axis\">{}{}{}.</p>", escape(what.unit),
                     y.logarithmic() ? ", logarithmic scale" : "",
                     x.powers() ? "; " + escape(what.x) + " by powers" : "");
}

}  // namespace graceslab::tool::page
