// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Plots of what was played: bars for one contest, lines where one parameter varies.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "../results.hpp"

namespace graceslab::tool::bench::html {

// A contestant keeps its colour and its mark on the whole page.
class cast {
 public:
  explicit cast(const std::vector<played>& contests);
  std::string css(const contestant& who) const;  // classes
  unsigned shape(const contestant& who) const;

 private:
  std::map<std::string, unsigned> places_;
};

// Contests that differ in one number.
struct family {
  std::string parameter;  // empty: a single contest
  std::vector<const played*> members;
  std::string title() const;
};
// In the order in which they were played.
std::vector<family> families(const std::vector<const played*>& contests);

std::string bars(const played& p, const cast& colours);
std::string lines(const family& f, const cast& colours);
// The control loop through the whole run.
std::string drift(const outcome& o);
// Where a verdict stands between nothing, its stretch, and its goal.
std::string gauge(const verdict& v);

}  // namespace graceslab::tool::bench::html
