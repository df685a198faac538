// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The name of a C++ function as its source has it.
#pragma once
#include <string>

namespace graceslab::tool {

// "?" without a name; what is no mangled one as it is.
std::string demangled(const char* name);

}  // namespace graceslab::tool
