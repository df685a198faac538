// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Everything a scheme is asked to play.
#pragma once
#include "smr_readers.hpp"
#include "smr_reclaim.hpp"
#include "smr_stress.hpp"
#include "smr_structures.hpp"
#include "smr_updates.hpp"

namespace graceslab::bench {

template <class S>
void offer_reclamation(peer& p) {
  p.workloads["reader_pair"] = play_reader_pair<S>;
  p.workloads["synchronize"] = play_synchronize<S>;
  p.workloads["updates"] = play_updates<S>;
  p.workloads["retire_cycle"] = play_retire_cycle<S>;
  p.workloads["stalled"] = play_stalled<S>;
  p.workloads["tail"] = play_tail<S>;
  p.workloads["threads"] = play_threads<S>;
  p.workloads["map"] = play_map<S>;
  p.workloads["queue"] = play_queue<S>;
  if constexpr (has_callbacks<S>) {
    p.workloads["callbacks"] = play_callbacks<S>;
    p.workloads["rcu_barrier"] = play_barrier<S>;
  }
}

}  // namespace graceslab::bench
