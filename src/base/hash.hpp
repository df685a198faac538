// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Mixing words: the finaliser of splitmix64.
#pragma once
#include <cstdint>

namespace graceslab::base {

constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace graceslab::base
