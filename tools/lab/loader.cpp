// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "loader.hpp"

#include <dlfcn.h>
#include <fmt/core.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "../beside.hpp"

namespace graceslab::lab {
namespace {

constexpr const char* file_name = "lab_module.so";

// Every mapping of the file: [begin, end) around all of them, or 0, 0.
std::pair<std::uintptr_t, std::uintptr_t> mapping_of(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  std::uintptr_t begin = 0, end = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.size() < path.size() ||
        line.compare(line.size() - path.size(), path.size(), path) != 0)
      continue;
    unsigned long low = 0, high = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx", &low, &high) != 2) continue;
    if (begin == 0) begin = low;
    end = high;
  }
  return {begin, end};
}

}  // namespace

std::string find_module() { return tool::find_beside(file_name); }

loaded_module::loaded_module(const std::string& path) : path_(path) {
  handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_ == nullptr)
    throw std::runtime_error(fmt::format("cannot load the module: {}", dlerror()));
  void* symbol = dlsym(handle_, module_entry_name);
  if (symbol == nullptr) {
    dlclose(handle_);
    throw std::runtime_error(fmt::format("{} has no {}", path, module_entry_name));
  }
  api_ = reinterpret_cast<module_entry>(symbol)();
  std::tie(begin_, end_) = mapping_of(path_);
}

loaded_module::~loaded_module() {
  if (handle_ != nullptr) dlclose(handle_);
}

bool loaded_module::unload() {
  api_ = nullptr;
  if (dlclose(std::exchange(handle_, nullptr)) != 0) return false;
  if (void* still = dlopen(path_.c_str(), RTLD_NOW | RTLD_NOLOAD)) {
    dlclose(still);
    return false;
  }
  return mapping_of(path_).second == 0;
}

}  // namespace graceslab::lab
