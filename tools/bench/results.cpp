// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "results.hpp"

#include <algorithm>
#include <limits>

namespace graceslab::tool::bench {

double series::median() const {
  if (samples.empty()) return 0;
  std::vector<double> s = samples;
  std::sort(s.begin(), s.end());
  std::size_t middle = s.size() / 2;
  return s.size() % 2 != 0 ? s[middle] : (s[middle - 1] + s[middle]) / 2;
}
double series::lowest() const {
  return samples.empty() ? 0 : *std::min_element(samples.begin(), samples.end());
}
double series::highest() const {
  return samples.empty() ? 0 : *std::max_element(samples.begin(), samples.end());
}
double series::spread() const {
  double middle = median();
  return middle == 0 ? 0 : (highest() - lowest()) / middle;
}

const entry* played::find(const std::string& name) const {
  for (const entry& e : entries)
    if (e.who.name == name) return &e;
  return nullptr;
}
const series* played::of(const entry& e, const std::string& metric) const {
  auto found = e.metrics.find(metric.empty() ? what.metric : metric);
  return found == e.metrics.end() || found->second.samples.empty() ? nullptr : &found->second;
}

const char* verdict::outcome() const {
  return value <= asked.stretch ? "stretch" : value <= asked.goal ? "goal" : "missed";
}
bool verdict::explained() const { return value > asked.goal && !asked.why.empty(); }

namespace {

struct found_side {
  const series* samples = nullptr;
  std::string name;
};

// The fastest of those that took part.
found_side best(const side& s, const std::vector<played>& contests) {
  found_side best;
  for (const played& p : contests) {
    if (p.what.name() != s.contest) continue;
    for (const std::string& name : s.contestants) {
      const entry* e = p.find(name);
      const series* samples = e != nullptr ? p.of(*e, s.metric) : nullptr;
      if (samples != nullptr && (!best.samples || samples->median() < best.samples->median()))
        best = {samples, name};
    }
  }
  return best;
}

void spread_of_ratio(const series& ours, const series& theirs, verdict& v) {
  v.lowest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i != std::min(ours.samples.size(), theirs.samples.size()); ++i) {
    double ratio = ours.samples[i] / theirs.samples[i];
    v.lowest = std::min(v.lowest, ratio);
    v.highest = std::max(v.highest, ratio);
  }
}

}  // namespace

std::vector<verdict> judge(const std::vector<target>& targets,
                           const std::vector<played>& contests) {
  std::vector<verdict> all;
  for (const target& t : targets) {
    found_side ours = best(t.ours, contests), theirs = best(t.against, contests);
    bool ratio = !t.against.contestants.empty();
    if (ours.samples == nullptr || (ratio && theirs.samples == nullptr)) continue;
    verdict v{t, ours.samples->median(), 0, theirs.name, 0, 0, 0};
    v.value = v.ours;
    v.lowest = ours.samples->lowest();
    v.highest = ours.samples->highest();
    if (ratio) {
      v.theirs = theirs.samples->median();
      v.value = v.ours / v.theirs;
      v.lowest = v.highest = 0;
      spread_of_ratio(*ours.samples, *theirs.samples, v);
    }
    all.push_back(v);
  }
  return all;
}

}  // namespace graceslab::tool::bench
