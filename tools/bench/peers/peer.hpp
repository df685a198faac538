// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a plug-in of the benchmark offers: one way to allocate, read or retire, and the workloads it
// can play. Every trial runs in a process of its own, so peers share nothing but the machine.
#pragma once
#include <sched.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace graceslab::bench {

// One run of one workload: its parameters, and the figures that come out.
class trial {
 public:
  explicit trial(std::map<std::string, std::string> arguments) : arguments_(std::move(arguments)) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    (void)sched_getaffinity(0, sizeof allowed, &allowed);
    for (unsigned core = 0; core != CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &allowed)) cores_.push_back(core);
  }

  std::string text(const std::string& key, const std::string& fallback = {}) const {
    auto found = arguments_.find(key);
    return found == arguments_.end() ? fallback : found->second;
  }
  std::uint64_t number(const std::string& key, std::uint64_t fallback = 0) const {
    auto found = arguments_.find(key);
    return found == arguments_.end() ? fallback : std::stoull(found->second);
  }
  // How long to measure, after the warm-up.
  double seconds() const { return std::stod(text("seconds", "0.05")); }

  void figure(const std::string& metric, double value) { figures_.emplace_back(metric, value); }
  const std::vector<std::pair<std::string, double>>& figures() const { return figures_; }

  unsigned cores() const { return static_cast<unsigned>(cores_.size()); }
  // Ties the calling thread to one of the cores; worker numbers wrap around.
  void pin(unsigned worker) const {
    if (cores_.empty()) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cores_[worker % cores_.size()], &one);
    (void)sched_setaffinity(0, sizeof one, &one);  // refused: noisier, not wrong
  }

 private:
  std::map<std::string, std::string> arguments_;
  std::vector<std::pair<std::string, double>> figures_;
  std::vector<unsigned> cores_;
};

struct peer {
  std::map<std::string, void (*)(trial&)> workloads;
};

}  // namespace graceslab::bench

// Every plug-in defines this one.
extern "C" void graceslab_bench_peer(graceslab::bench::peer* into);
