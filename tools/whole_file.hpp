// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A file that is read at once.
#pragma once
#include <string>

namespace graceslab::tool {

// Throws usage_error with the system's reason.
std::string whole_file(const std::string& path);

}  // namespace graceslab::tool
