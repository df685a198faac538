// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A family of contests: a line for each contestant, over the parameter that varies.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "plots.hpp"
#include "svg.hpp"
#include "text.hpp"

namespace graceslab::tool::bench::html {
namespace {

using anchor = drawing::anchor;
constexpr double width = 360, height = 280, left = 48, right = 356, top = 12, bottom = 238;

struct curve {
  contestant who;
  std::vector<double> x;
  std::vector<const series*> y;
};

double parameter_of(const family& f, const played& p) {
  return std::strtod(p.what.parameters.at(f.parameter).c_str(), nullptr);
}

std::vector<curve> curves_of(const family& f) {
  std::vector<curve> all;
  for (const played* p : f.members)
    for (const entry& e : p->entries) {
      const series* s = p->of(e);
      if (s == nullptr) continue;
      auto at = std::find_if(all.begin(), all.end(),
                             [&](const curve& c) { return c.who.name == e.who.name; });
      if (at == all.end()) at = all.insert(all.end(), {e.who, {}, {}});
      at->x.push_back(parameter_of(f, *p));
      at->y.push_back(s);
    }
  return all;
}

// Over more than a factor of twenty by powers, with nought one step before the first.
class positions {
 public:
  explicit positions(const family& f) {
    for (const played* p : f.members) values_.push_back(parameter_of(f, *p));
    for (double v : values_)
      if (v > 0) least_ = std::min(least_, v);
    powers_ = values_.back() / least_ > 20;
    first_ = place(values_.front());
    last_ = place(values_.back());
  }
  double at(double v) const {
    constexpr double inset = 10;
    double share = last_ > first_ ? (place(v) - first_) / (last_ - first_) : 0.5;
    return left + inset + share * (right - left - 2 * inset);
  }
  bool powers() const { return powers_; }
  const std::vector<double>& values() const { return values_; }

 private:
  double place(double v) const {
    if (!powers_) return v;
    return v > 0 ? std::log2(v / least_) : -1.5;
  }
  std::vector<double> values_;
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

void draw_curve(drawing& d, const curve& c, const positions& x, const scale& y, const cast& colours,
                const std::string& unit) {
  std::string css = colours.css(c.who);
  std::vector<spot> points;
  for (std::size_t i = 0; i != c.x.size(); ++i) {
    const series& s = *c.y[i];
    points.push_back({x.at(c.x[i]), y.at(s.median())});
    if (std::abs(y.at(s.lowest()) - y.at(s.highest())) > 2)
      d.line({points.back().x, y.at(s.lowest())}, {points.back().x, y.at(s.highest())},
             "spread " + css);
  }
  d.path(points, "curve " + css);
  for (std::size_t i = 0; i != points.size(); ++i)
    d.mark(points[i], colours.shape(c.who), "mark " + css,
           fmt::format("{} at {}: {}, lowest {}, highest {}", c.who.name, number(c.x[i]),
                       with_unit(c.y[i]->median(), unit), number(c.y[i]->lowest()),
                       number(c.y[i]->highest())));
}

std::string legend(const std::vector<curve>& all, const cast& colours) {
  std::string text = "<ul class=\"legend\">";
  for (const curve& c : all)
    text += fmt::format(
        "<li{}><svg viewBox=\"0 0 26 14\" aria-hidden=\"true\"><line x1=\"1\" y1=\"7\" x2=\"25\" "
        "y2=\"7\" class=\"curve {}\"/><path d=\"{}\" class=\"mark {}\"/></svg>{}</li>",
        c.who.ours ? " class=\"own\"" : "", colours.css(c.who),
        mark_path({13, 7}, colours.shape(c.who), 5), colours.css(c.who), escape(c.who.name));
  return text + "</ul>";
}

std::string told(const std::vector<curve>& all, const std::string& unit) {
  std::string text;
  for (const curve& c : all) {
    text += (text.empty() ? "" : "; ") + c.who.name + ":";
    for (std::size_t i = 0; i != c.x.size(); ++i)
      text += fmt::format(" {} at {},", with_unit(c.y[i]->median(), unit), number(c.x[i]));
    text.pop_back();
  }
  return text;
}

}  // namespace

std::string lines(const family& f, const cast& colours) {
  std::vector<curve> all = curves_of(f);
  if (all.empty()) return "<p class=\"none\">Nobody could play this.</p>";
  const std::string& unit = f.members[0]->what.unit;
  std::vector<double> values;
  for (const curve& c : all)
    for (const series* s : c.y)
      for (double v : {s->lowest(), s->median(), s->highest()}) values.push_back(v);
  scale y(values, bottom, top, 6);
  positions x(f);
  drawing d(width, height, f.title(), told(all, unit));
  draw_axes(d, x, y, f.parameter);
  // Ours last, so that they lie on top.
  for (bool ours : {false, true})
    for (const curve& c : all)
      if (c.who.ours == ours) draw_curve(d, c, x, y, colours, unit);
  return d.done() + legend(all, colours) +
         fmt::format("<p class=\"axis\">{}{}{}.</p>", escape(unit),
                     y.logarithmic() ? ", logarithmic scale" : "",
                     x.powers() ? "; " + escape(f.parameter) + " by powers" : "");
}

std::string drift(const outcome& o) {
  constexpr double wide = 300, high = 48;
  std::vector<double> all;
  for (const played& p : o.contests)
    if (!p.control.samples.empty()) all.push_back(p.control.median());
  if (all.size() < 2) return {};
  scale y(all, high - 4, 4);
  std::vector<spot> points;
  for (std::size_t i = 0; i != all.size(); ++i)
    points.push_back({4 + (wide - 8) * static_cast<double>(i) / static_cast<double>(all.size() - 1),
                      y.at(all[i])});
  drawing d(wide, high, "control loop",
            "its time in each workload, in the order played, from zero");
  d.line({4, high - 4}, {wide - 4, high - 4}, "grid");
  d.path(points, "curve control");
  return d.done();
}

}  // namespace graceslab::tool::bench::html
