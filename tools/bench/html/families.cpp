// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which contests share a plot, and who has which colour in it.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "plots.hpp"

namespace graceslab::tool::bench::html {
namespace {

constexpr unsigned own_colours = 4, peer_colours = 9;

bool numeric(const std::string& text) {
  char* end = nullptr;
  (void)std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0';
}

// The others that differ from `p` in this parameter only, and itself.
std::vector<const played*> along(const std::vector<const played*>& all, const played& p,
                                 const std::string& parameter) {
  auto rest = [&](const played& q) {
    std::map<std::string, std::string> others = q.what.parameters;
    others.erase(parameter);
    return others;
  };
  std::vector<const played*> found;
  for (const played* q : all) {
    auto value = q->what.parameters.find(parameter);
    if (q->what.workload == p.what.workload && q->what.unit == p.what.unit &&
        value != q->what.parameters.end() && numeric(value->second) && rest(*q) == rest(p))
      found.push_back(q);
  }
  return found;
}

family widest(const std::vector<const played*>& all, const played& p) {
  constexpr std::size_t enough = 3;
  family best = {"", {&p}};
  for (const auto& [parameter, value] : p.what.parameters) {
    std::vector<const played*> found = numeric(value) ? along(all, p, parameter) : best.members;
    if (found.size() >= enough && found.size() > best.members.size()) best = {parameter, found};
  }
  std::sort(best.members.begin(), best.members.end(), [&](const played* a, const played* b) {
    auto number = [&](const played* q) {
      return std::strtod(q->what.parameters.at(best.parameter).c_str(), nullptr);
    };
    return !best.parameter.empty() && number(a) < number(b);
  });
  return best;
}

}  // namespace

std::string family::title() const {
  std::string all = members[0]->what.workload;
  for (const auto& [key, value] : members[0]->what.parameters)
    if (key != parameter) all += ", " + key + " " + value;
  return parameter.empty() ? all : all + ", by " + parameter;
}

std::vector<family> families(const std::vector<const played*>& contests) {
  std::vector<family> all;
  std::set<const played*> shown;
  for (const played* p : contests) {
    if (shown.count(p) != 0) continue;
    family f = widest(contests, *p);
    shown.insert(f.members.begin(), f.members.end());
    all.push_back(std::move(f));
  }
  return all;
}

cast::cast(const std::vector<played>& contests) {
  unsigned ours = 0, theirs = 0;
  for (const played& p : contests)
    for (const entry& e : p.entries)
      if (places_.count(e.who.name) == 0) places_[e.who.name] = e.who.ours ? ours++ : theirs++;
}

std::string cast::css(const contestant& who) const {
  unsigned place = places_.at(who.name);
  return who.ours ? "ours o" + std::to_string(place % own_colours)
                  : "peer p" + std::to_string(place % peer_colours);
}
unsigned cast::shape(const contestant& who) const { return places_.at(who.name); }

}  // namespace graceslab::tool::bench::html
