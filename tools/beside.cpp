// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "beside.hpp"

#include <fmt/core.h>

#include <filesystem>
#include <stdexcept>
#include <vector>

namespace graceslab::tool {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> candidates(const std::string& name) {
  fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  std::vector<fs::path> all = {here / name};
  std::error_code none;
  for (const char* lib : {"lib", "lib64"}) {
    fs::path root = here.parent_path() / lib;
    all.push_back(root / "graceslab" / name);
    for (const fs::directory_entry& triplet : fs::directory_iterator(root, none))
      all.push_back(triplet.path() / "graceslab" / name);
  }
  return all;
}

}  // namespace

std::string find_beside(const std::string& name) {
  std::error_code none;
  for (const fs::path& path : candidates(name))
    if (fs::exists(path, none)) return fs::canonical(path).string();
  throw std::runtime_error(
      fmt::format("cannot find {} beside the executable or in ../lib/graceslab", name));
}

}  // namespace graceslab::tool
