// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "measure.hpp"

#include <sched.h>

#include <algorithm>
#include <chrono>

namespace graceslab::tool::bench {

double series::median() const {
  if (samples.empty()) return 0;
  std::vector<double> s = samples;
  std::sort(s.begin(), s.end());
  return s[s.size() / 2];
}
double series::lowest() const {
  return samples.empty() ? 0 : *std::min_element(samples.begin(), samples.end());
}
double series::highest() const {
  return samples.empty() ? 0 : *std::max_element(samples.begin(), samples.end());
}

double row::ratio() const { return peer.samples.empty() ? 0 : ours.median() / peer.median(); }

double now_us() {
  using namespace std::chrono;
  return duration<double, std::micro>(steady_clock::now().time_since_epoch()).count();
}

void pin_to_core(unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  (void)sched_setaffinity(0, sizeof set,
                          &set);  // not allowed: unpinned figures are noisier, not wrong
}

row paired(std::string name, std::string unit, unsigned repetitions,
           const std::function<double()>& ours, std::string peer_name,
           const std::function<double()>& peer) {
  row r;
  r.name = std::move(name);
  r.unit = std::move(unit);
  r.peer_name = std::move(peer_name);
  for (unsigned i = 0; i != repetitions; ++i) {
    r.ours.samples.push_back(ours());
    if (peer) r.peer.samples.push_back(peer());
  }
  return r;
}

}  // namespace graceslab::tool::bench
