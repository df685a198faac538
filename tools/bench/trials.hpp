// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs trials, each in a process of its own, and finds out who can take part.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "catalogue/catalogue.hpp"

namespace graceslab::tool::bench {

using figures = std::map<std::string, double>;

class stadium {
 public:
  // Throws when the runner is not beside the tool or in ../lib.
  stadium();

  // Whether it has that workload, as far as can be known: one that is not there may have it.
  bool plays(const contestant& who, const std::string& workload);
  // Why this one cannot take part; empty: it can.
  std::string absent(const contestant& who);
  // False: it failed, and `why` says how.
  bool play(const contestant& who, const contest& what, double seconds, figures* out,
            std::string* why);
  double control_ns(double seconds);

 private:
  struct plug_in {
    bool there = false;
    std::set<std::string> workloads;
  };
  const plug_in& look_up(const std::string& name);
  std::string preload_path(const std::string& allocator_name);

  std::string folder_;
  std::map<std::string, plug_in> plug_ins_;
  std::map<std::string, std::string> preloads_;  // empty: not installed
};

}  // namespace graceslab::tool::bench
