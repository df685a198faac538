// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random choices that a seed repeats: every worker has generators of its own, derived from the seed
// and its number.
#pragma once
#include <cstdint>

namespace graceslab::torture {

inline std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

class random_source {
 public:
  random_source(std::uint64_t seed, std::uint64_t number) : state_(mix(mix(seed) + number)) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t drawn = mix(state_);
    if (recording_) digest_ = mix(digest_ ^ drawn);
    return drawn;
  }
  // From 0 to n - 1.
  unsigned below(unsigned n) {
    return static_cast<unsigned>(
        static_cast<std::uint64_t>(static_cast<std::uint32_t>(next())) * n >> 32);
  }
  bool one_in(unsigned n) { return below(n) == 0; }

  // The digest covers what is drawn while recording is on.
  void record(bool on) { recording_ = on; }
  std::uint64_t digest() const { return digest_; }

 private:
  std::uint64_t state_;
  std::uint64_t digest_ = 0;
  bool recording_ = false;
};

}  // namespace graceslab::torture
