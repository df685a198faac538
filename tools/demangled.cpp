// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "demangled.hpp"

#include <cxxabi.h>

#include <cstdlib>

namespace graceslab::tool {

std::string demangled(const char* name) {
  if (name == nullptr) return "?";
  int status = 0;
  char* plain = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string text = status == 0 && plain != nullptr ? plain : name;
  std::free(plain);
  return text;
}

}  // namespace graceslab::tool
