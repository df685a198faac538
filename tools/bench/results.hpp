// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a run found: samples, what stands out of them, and how the targets were met.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../machine.hpp"
#include "catalogue/catalogue.hpp"

namespace graceslab::tool::bench {

struct series {
  std::vector<double> samples;  // one per repetition
  double median() const;
  double lowest() const;
  double highest() const;
  double spread() const;  // (highest - lowest) / median
};

struct entry {
  contestant who;
  std::map<std::string, series> metrics;
  std::string absent;  // why there are no samples
};

struct played {
  contest what;
  std::vector<entry> entries;
  series control;
  const entry* find(const std::string& name) const;
  const series* of(const entry& e, const std::string& metric = {}) const;
};

struct verdict {
  target asked;
  double ours = 0;
  double theirs = 0;               // 0: the goal is a value
  std::string against;             // who was the best of the others
  double value = 0;                // the ratio, or ours
  double lowest = 0, highest = 0;  // of the ratio over the repetitions, or of the value
  const char* outcome() const;     // "stretch", "goal", "missed"
  bool explained() const;          // missed, and known why
};

struct outcome {
  machine where;
  std::vector<std::string> packages;  // of the peers, with versions
  std::vector<played> contests;
  std::vector<verdict> verdicts;
  double seconds = 0;
  double others_share = 0;  // of all cores' time, used by other processes
};

// `PACKAGE VERSION` of what is installed, where dpkg knows.
std::vector<std::string> package_versions();
std::vector<verdict> judge(const std::vector<target>& targets, const std::vector<played>& contests);

// Standard output.
void print_table(const outcome& o);
void print_json(const outcome& o);
// What print_json() printed, again. Throws foreign_json.
outcome outcome_of(const fields& from);
// Its part of a page; markup.
std::string html_of(const outcome& o);

}  // namespace graceslab::tool::bench
