// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Repetitions, medians and spreads. Peers are measured in turn within one run: only ratios mean
// something on a shared machine.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace graceslab::tool::bench {

struct series {
  std::vector<double> samples;
  double median() const;
  double lowest() const;
  double highest() const;
};

struct row {
  std::string name;
  std::string unit;
  std::string goal;  // as text, for people
  series ours;
  series peer;  // empty: no peer, or not installed
  std::string peer_name;
  bool met = false;      // whether the goal was met in this run
  double ratio() const;  // ours / peer; 0 without a peer
};

double now_us();
void pin_to_core(unsigned core);

// Runs both in turn, `repetitions` times; each returns its figure.
row paired(std::string name, std::string unit, unsigned repetitions,
           const std::function<double()>& ours, std::string peer_name,
           const std::function<double()>& peer);

// ---- the peers: liburcu, in a translation unit of its own; false when it was not installed at
// build time ----
bool urcu_present();
void urcu_begin();
void urcu_end();
double urcu_reader_pair_ns(std::uint64_t n);
double urcu_retire_cycle_ns(std::uint64_t n);
double urcu_barrier_us(unsigned pending);

// ---- ours ----
double reader_pair_ns(std::uint64_t n);
double retire_cycle_ns(std::uint64_t n);    // typed cache
double retire_cycle_c_ns(std::uint64_t n);  // the kernel's names
double alloc_free_pair_ns(std::uint64_t n);
double rcu_barrier_us(unsigned pending);
double free_barrier_us(unsigned pending);
double free_barrier_of_many_us(unsigned caches);
double grace_periods_for_type_safe(unsigned caches);
double resident_per_object(std::uint64_t objects);

}  // namespace graceslab::tool::bench
