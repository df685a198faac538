// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Time per turn: a warm-up, then slices of a trial's time, of which the median counts. A slice that
// lost its core for a while so spoils nothing.
#pragma once
#include <algorithm>
#include <chrono>
#include <vector>

#include "peer.hpp"

namespace graceslab::bench {

inline double now_ns() {
  using namespace std::chrono;
  return duration<double, std::nano>(steady_clock::now().time_since_epoch()).count();
}

inline double median_of(std::vector<double> all) {
  if (all.empty()) return 0;
  auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

// The value below which `share` of them lie.
inline double quantile_of(std::vector<double>& all, double share) {
  if (all.empty()) return 0;
  auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), all.begin() + at, all.end());
  return all[static_cast<std::size_t>(at)];
}

// `turns(n)` plays n turns. Gives nanoseconds per turn.
template <class Turns>
double per_turn_ns(const trial& t, std::uint64_t batch, Turns turns) {
  constexpr int slices = 10;
  double budget = t.seconds() * 1e9;
  for (double until = now_ns() + budget / 5; now_ns() < until;) turns(batch);
  std::vector<double> each;
  for (int slice = 0; slice != slices; ++slice) {
    std::uint64_t played = 0;
    double begin = now_ns(), now = begin;
    do {
      turns(batch);
      played += batch;
      now = now_ns();
    } while (now < begin + budget / slices);
    each.push_back((now - begin) / static_cast<double>(played));
  }
  return median_of(std::move(each));
}

// Keeps the compiler from dropping what a pointer leads to.
inline void touched(const void* p) { asm volatile("" : : "r"(p) : "memory"); }

// A cheap generator: the same for every peer, and a nanosecond at most.
class quick_random {
 public:
  std::uint32_t below(std::uint32_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>((state_ >> 32) * n >> 32);
  }

 private:
  std::uint64_t state_ = 0x9e3779b97f4a7c15u;
};

}  // namespace graceslab::bench
