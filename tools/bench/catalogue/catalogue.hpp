// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is measured: workloads with their parameters, who takes part, and the targets that ours is
// held to.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace graceslab::tool::bench {

struct contestant {
  std::string name;     // in tables and plots
  std::string plug_in;  // its file, without the ending
  std::string preload;  // an allocator from `allocators`, or empty
  bool ours = false;
};

struct contest {
  std::string workload;
  std::map<std::string, std::string> parameters;
  std::string metric;  // that tables show; the trial may give others too
  std::string unit;
  std::vector<contestant> contestants;
  std::string group;         // a heading
  double seconds = 0;        // of a trial; 0: the run's choice
  unsigned repetitions = 0;  // 0: the run's choice
  bool alone = false;        // measures memory or counts: repetitions change little

  // Google Benchmark's way: workload/key:value/...
  std::string name() const;
};

// Ours against the best of some others in one contest, or against one of another contest.
struct side {
  std::string contest;  // its name()
  std::vector<std::string> contestants;
  std::string metric;  // empty: the contest's own
};
struct target {
  std::string what;
  side ours;
  side against;  // no contestants: the goal is a value, not a ratio
  double goal;
  double stretch;
  std::string unit;      // of a value
  std::string why = {};  // it is missed on our machine: what was measured, and what was tried
};

struct allocator {
  std::string name;
  std::vector<std::string> files;  // of which one is preloaded
  std::string package;
};
extern const std::vector<allocator> allocators;

struct catalogue {
  std::vector<contest> contests;
  std::vector<target> targets;
};
catalogue everything();

// One file each.
void add_allocation(catalogue& c);
void add_reclamation(catalogue& c);
void add_teardown(catalogue& c);

}  // namespace graceslab::tool::bench
