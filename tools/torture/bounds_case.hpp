// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One case of the torture of bounds: a kind of cache, a load, a limit on the process, and what is
// drawn besides. Each is played in a process of its own (bounds_child.cpp).
#pragma once
#include <cstdint>
#include <string>

#include "random.hpp"

namespace graceslab::torture {

enum bounds_kind : unsigned {
  plain_kind,
  type_safe_kind,
  constructed_kind,
  debug_kind,
  undetected_kind,
  kmalloc_kind,
  large_kind,
};
enum bounds_load : unsigned {
  burst_load,
  spike_load,
  idle_load,
  growth_load,
  passing_load,
  many_load,
};
enum bounds_limit : unsigned {
  no_limit,
  address_limit,
  data_limit,
  locked_limit,
  group_limit,
};
inline constexpr unsigned bounds_kinds = large_kind + 1;
inline constexpr unsigned bounds_loads = many_load + 1;
inline constexpr unsigned bounds_limits = group_limit + 1;
// The three have no common divisor: so many cases in a row are all combinations, and 42 in a row
// all pairs of kind and load.
inline constexpr unsigned bounds_cases = bounds_kinds * bounds_loads * bounds_limits;
inline constexpr unsigned bounds_pairs = bounds_kinds * bounds_loads;
inline constexpr unsigned bounds_judges = 6;  // at a time: they mostly wait

struct bounds_case {
  unsigned kind = 0;
  unsigned load = 0;
  unsigned limit = 0;
  unsigned object_bytes = 0;  // of the kinds that are caches
  unsigned retired_of_8 = 0;  // how many of eight objects go home by way of a grace period
  unsigned seed = 0;
};

const char* kind_name(unsigned kind);
const char* load_name(unsigned load);
const char* limit_name(unsigned limit);
bounds_case nth_case(std::uint64_t n, random_source& plan);
std::string describe(const bounds_case& c);
std::string to_text(const bounds_case& c);
bool from_text(const std::string& text, bounds_case* c);

// Plays one and leaves the process: 0 with a line `settled MS HELD PEAK` (KiB) or `skipped WHY` on
// standard output, or 1 with a line that says what is wrong. `group`: directory of the memory
// cgroup to join; empty: there is none.
[[noreturn]] void be_bounds_child(const std::string& text, const std::string& group);

}  // namespace graceslab::torture
