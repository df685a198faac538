// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Drawing: a scale from values to picture units, and one <svg> with a title and a description for
// those who do not see it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace graceslab::tool::page {

// Linear from zero, or logarithmic where the values spread over more than a factor.
class scale {
 public:
  // Covers `values`; those that are not positive stand at the lower end of a logarithmic one.
  scale(const std::vector<double>& values, double from, double to, double widest = 20);

  double at(double value) const;
  bool logarithmic() const { return logarithmic_; }
  std::vector<double> ticks() const;

 private:
  bool logarithmic_ = false;
  double low_ = 0, high_ = 1;  // values
  double from_, to_;           // picture units
};

// Horizontal and vertical position in the picture, in its own units.
struct spot {
  double x, y;
};

class drawing {
 public:
  drawing(double width, double height, std::string_view title, std::string_view description);

  void line(spot a, spot b, std::string_view css);
  void path(const std::vector<spot>& points, std::string_view css);
  // What the pointer rests on says `hint`.
  void box(spot corner, double width, double height, std::string_view css, std::string_view hint);
  void mark(spot at, unsigned shape, std::string_view css, std::string_view hint);
  enum class anchor { start, middle, end };
  void text(spot at, anchor where, std::string_view words, std::string_view css = {});
  std::string done() const { return body_ + "</svg>"; }

 private:
  std::string body_;
};

// A filled shape around a spot, told apart from others without colour.
std::string mark_path(spot at, unsigned shape, double radius);

}  // namespace graceslab::tool::page
