// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The two plots of every page: bars, and lines over a parameter. Both are static SVG with a title
// and a description, so they need no script, and print as they look.
#pragma once
#include <string>
#include <vector>

namespace graceslab::tool::page {

struct bar {
  std::string name;
  std::string css;      // classes that give the colour
  bool strong = false;  // name in bold
  double value = 0;
  double low = 0, high = 0;  // the whisker; none where they are equal
  std::string hint;          // what the pointer rests on says
};
// In the order given, on one scale. No bars: `none`, as a paragraph.
std::string bars(const std::string& title, const std::string& unit, const std::vector<bar>& all,
                 const std::string& none);

struct sample {
  double x = 0;
  double y = 0, low = 0, high = 0;
  std::string hint;
};
struct curve {
  std::string name;
  std::string css;
  unsigned shape = 0;   // of its marks
  bool strong = false;  // thicker, on top, name in bold
  std::vector<sample> samples;
};
struct axes {
  std::string title;
  std::string x;     // what varies
  std::string unit;  // of what is measured
};
// With a legend below.
std::string lines(const axes& what, const std::vector<curve>& all, const std::string& none);

}  // namespace graceslab::tool::page
