// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Files that were built or installed with the tool.
#pragma once
#include <string>

namespace graceslab::tool {

// The path of `name` beside the executable or in ../lib/graceslab. Throws std::runtime_error when
// it is in neither.
std::string find_beside(const std::string& name);

}  // namespace graceslab::tool
