// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every setting of the library, as it is in this process.
#pragma once
#include <graceslab/detail/abi.h>

#include <algorithm>
#include <vector>

namespace graceslab::tool {

inline std::vector<gs_config_item> settings_list() {
  std::vector<gs_config_item> all(gs_config_items(nullptr, 0));
  const std::size_t n = gs_config_items(all.data(), all.size());
  all.resize(std::min(n, all.size()));
  return all;
}

}  // namespace graceslab::tool
