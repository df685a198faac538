// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the torture's module offers to its host. Nothing of it may be left when it was unloaded.
#pragma once
#include <cstdint>

namespace graceslab::torture {

inline constexpr unsigned storm_heads = 8;

struct storm_orders {
  std::uint64_t* ran;  // the host's, which outlives the module; atomic
  unsigned heads;      // callbacks that post themselves again, up to storm_heads
  unsigned links;      // how often each does; 0: without end
  unsigned busy_us;    // how long each takes
  bool hurry;
  unsigned objects;  // retired, with a destructor of the module
};

struct storm_api {
  bool (*start)(const storm_orders* orders);
};
inline constexpr const char* storm_entry_name = "storm_module_entry";
using storm_entry = const storm_api* (*)();

}  // namespace graceslab::torture
