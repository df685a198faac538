// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which edge a run does without. An edge is found in the unchanged source by the function that it
// stands in and by what it does there.
#pragma once
#include <cstring>

#include "explorer.hpp"

namespace model {

enum class op {
  load,
  store,
  exchange,
  add,
  compare_exchange,
  light_fence,
  full_fence,
  heavy_fence,
  wake
};
enum class how {
  relax,  // the memory order becomes relaxed
  drop,   // a fence, a wake-up: it is not there
  split,  // a read-modify-write: a load, then a store
};

struct weakening {
  const char* name;      // as in the line `// WEAK name ...` of the model
  const char* function;  // __FUNCTION__ where it stands; nullptr: everywhere
  op what;
  how in_which_way;
};

inline const weakening* weakened[4];  // an edge may stand in more than one place

inline bool weak(op what, how in_which_way, rl::debug_info_param at) {
  for (const weakening* w : weakened)
    if (w != nullptr && w->what == what && w->in_which_way == in_which_way &&
        (w->function == nullptr || std::strcmp(w->function, at.func_) == 0))
      return true;
  return false;
}

inline rl::memory_order order_of(op what, rl::memory_order as_written, rl::debug_info_param at) {
  return weak(what, how::relax, at) ? rl::mo_relaxed : as_written;
}

}  // namespace model
