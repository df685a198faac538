// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory for the library's arrays runs out now and then, in all caches and queues at once. Nobody
// may notice: objects then take the ways without arrays, and every other phase goes on checking.
#include <chrono>

#include "phases.hpp"

namespace graceslab::torture {
namespace {

class faults_phase : public phase {
 public:
  explicit faults_phase(session& s) {
    s.add_worker("saboteur", [](worker& w) { return round(w); });
  }

 private:
  static bool round(worker& w) {
    gs_fault fault = {};
    fault.probability_per_million = w.plan.one_in(2) ? 1'000'000 : 1 + w.plan.below(500'000);
    fault.interval = w.plan.below(3);
    fault.times = w.plan.one_in(2) ? -1 : 1 + w.plan.below(50);
    w.doing("letting arrays fail");
    gs_fault_set(GS_FAULT_ARRAY, &fault);
    std::this_thread::sleep_for(std::chrono::microseconds(w.noise.below(50'000)));
    gs_fault_set(GS_FAULT_ARRAY, nullptr);
    w.count("arrays refused", gs_fault_hits(GS_FAULT_ARRAY));
    w.doing("resting");
    std::this_thread::sleep_for(std::chrono::microseconds(w.noise.below(50'000)));
    return w.all.more(w);
  }
};

}  // namespace

std::unique_ptr<phase> make_faults(session& s) { return std::make_unique<faults_phase>(s); }

}  // namespace graceslab::torture
