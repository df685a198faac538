// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "svg.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "text.hpp"

namespace graceslab::tool::page {
namespace {

// 1, 2 or 5 times a power of ten, so that about `steps` of them reach `high`.
double round_step(double high, double steps) {
  double rough = high / steps, power = std::pow(10, std::floor(std::log10(rough)));
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) return factor * power;
  return 10 * power;
}

}  // namespace

scale::scale(const std::vector<double>& values, double from, double to, double widest)
    : from_(from), to_(to) {
  double least = 0, most = 0;
  for (double v : values) {
    if (!std::isfinite(v)) continue;
    most = std::max(most, v);
    if (v > 0) least = least == 0 ? v : std::min(least, v);
  }
  if (most == 0) return;
  high_ = most;
  logarithmic_ = most / least > widest;
  if (!logarithmic_) return;
  low_ = std::pow(10, std::floor(std::log10(least * 0.8)));
  high_ = std::max(most * 1.1, low_ * 10);
}

double scale::at(double value) const {
  if (!std::isfinite(value)) value = high_;
  double share = logarithmic_ ? std::log(std::max(value, low_) / low_) / std::log(high_ / low_)
                              : (value - low_) / (high_ - low_);
  return from_ + std::clamp(share, 0.0, 1.0) * (to_ - from_);
}

std::vector<double> scale::ticks() const {
  std::vector<double> all;
  if (!logarithmic_) {
    double step = round_step(high_, 4);
    for (int i = 0; i * step <= high_ * 1.0001; ++i) all.push_back(i * step);
    return all;
  }
  double decades = std::log10(high_ / low_);
  double factor = std::pow(10, std::max(1.0, std::ceil(decades / 5)));
  bool between = decades <= 2;  // room for 2 and 5 as well
  for (double tick = low_; tick <= high_ * 1.0001; tick *= factor)
    for (double times : {1.0, 2.0, 5.0})
      if ((times == 1 || between) && times * tick <= high_ * 1.0001) all.push_back(times * tick);
  return all;
}

drawing::drawing(double width, double height, std::string_view title,
                 std::string_view description) {
  body_ = fmt::format(
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\"><title>{}</title><desc>{}</desc>", width,
      height, escape(title), escape(description));
}

void drawing::line(spot a, spot b, std::string_view css) {
  body_ +=
      fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>",
                  a.x, a.y, b.x, b.y, css);
}

void drawing::path(const std::vector<spot>& points, std::string_view css) {
  body_ += "<polyline points=\"";
  for (const spot& p : points) body_ += fmt::format("{:.1f},{:.1f} ", p.x, p.y);
  body_ += fmt::format("\" class=\"{}\"/>", css);
}

void drawing::box(spot corner, double width, double height, std::string_view css,
                  std::string_view hint) {
  body_ += fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"2\" class=\"{}\">"
      "<title>{}</title></rect>",
      corner.x, corner.y, std::max(width, 0.0), height, css, escape(hint));
}

void drawing::mark(spot at, unsigned shape, std::string_view css, std::string_view hint) {
  body_ += fmt::format("<path d=\"{}\" class=\"{}\"><title>{}</title></path>",
                       mark_path(at, shape, 5), css, escape(hint));
}

void drawing::text(spot at, anchor where, std::string_view words, std::string_view css) {
  const char* anchors[] = {"start", "middle", "end"};
  body_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>",
                       at.x, at.y, anchors[static_cast<int>(where)], css, escape(words));
}

std::string mark_path(spot p, unsigned shape, double r) {
  double s = r * 0.85, t = r * 0.35;
  switch (shape % 5) {
    case 0:  // a disc
      return fmt::format(
          "M{:.1f} {:.1f}a{r:.1f} {r:.1f} 0 1 0 {:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {:.1f} 0z", p.x - s,
          p.y, 2 * s, -2 * s, fmt::arg("r", s));
    case 1:  // a square
      return fmt::format("M{:.1f} {:.1f}h{:.1f}v{:.1f}h{:.1f}z", p.x - s, p.y - s, 2 * s, 2 * s,
                         -2 * s);
    case 2:  // a triangle
      return fmt::format("M{:.1f} {:.1f}l{:.1f} {:.1f}h{:.1f}z", p.x, p.y - r, r, 1.8 * r, -2 * r);
    case 3:  // a diamond
      return fmt::format("M{:.1f} {:.1f}l{r:.1f} {r:.1f}l-{r:.1f} {r:.1f}l-{r:.1f} -{r:.1f}z", p.x,
                         p.y - r, fmt::arg("r", r));
    default:  // a plus
      return fmt::format(
          "M{:.1f} {:.1f}h{w:.1f}v{l:.1f}h{l:.1f}v{w:.1f}h-{l:.1f}v{l:.1f}h-{w:.1f}v-{l:.1f}"
          "h-{l:.1f}v-{w:.1f}h{l:.1f}z",
          p.x - t, p.y - r, fmt::arg("w", 2 * t), fmt::arg("l", r - t));
  }
}

}  // namespace graceslab::tool::page
