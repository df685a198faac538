// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One approach of the paper, round after round: load the module, use it, tear it down, unload it,
// wait until it is home.
#pragma once
#include <string>
#include <vector>

#include "module/abi.hpp"
#include "progress.hpp"
#include "traffic.hpp"

namespace graceslab::lab {

struct approach_info {
  approach which;
  const char* id;
  const char* paper;  // its number in the contract
  const char* what;
  bool waits = true;  // nothing is in flight when its exit function returns
};
const std::vector<approach_info>& approaches();

struct percentiles {
  double p50 = 0;
  double p99 = 0;
};
percentiles percentiles_of(std::vector<double> samples);

struct approach_result {
  const approach_info* info = nullptr;
  unsigned rounds = 0;
  std::uint64_t objects_in_flight = 0;  // at destroy, the median of the rounds
  std::uint64_t objects_retired = 0;
  std::uint64_t objects_reclaimed = 0;
  std::uint64_t objects_leaked = 0;
  std::uint64_t grace_periods = 0;  // from the beginning of the teardown until home, all rounds
  percentiles destroy_us;
  percentiles home_us;
  double lookups_per_s = 0;
  double updates_per_s = 0;
  std::uint64_t host_lookups_meanwhile = 0;  // in the host's own table, from withdrawal until home
  bool unmapped = true;
  std::vector<std::string> problems;  // why the promise was not kept; empty: it was

  bool kept() const { return problems.empty(); }
};

struct load {
  unsigned rounds = 0;
  double seconds = 0;
};

approach_result run_approach(const approach_info& info, const std::vector<range>& ranges,
                             const std::string& module, traffic& threads, const load& work,
                             progress& show);

}  // namespace graceslab::lab
