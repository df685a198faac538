// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loading and unloading the module, and making sure that it is really gone.
#pragma once
#include <cstdint>
#include <string>

#include "module/abi.hpp"

namespace graceslab::lab {

// Beside the executable in a build directory, in lib/graceslab when installed. Throws
// std::runtime_error.
std::string find_module();

class loaded_module {
 public:
  // Throws std::runtime_error with dlopen's reason.
  explicit loaded_module(const std::string& path);
  ~loaded_module();
  loaded_module(const loaded_module&) = delete;
  loaded_module& operator=(const loaded_module&) = delete;

  const module_api& api() const { return *api_; }
  // Unmaps it. True when no page of it is left in the address space.
  bool unload();
  // Where its pages were.
  bool covers(std::uintptr_t where) const { return where - begin_ < end_ - begin_; }

 private:
  std::string path_;
  void* handle_ = nullptr;
  const module_api* api_ = nullptr;
  std::uintptr_t begin_ = 0;
  std::uintptr_t end_ = 0;
};

}  // namespace graceslab::lab
