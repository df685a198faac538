// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where the file of a module, or what was stripped from it, is looked for.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace graceslab::tool::decode {

class files {
 public:
  // `given`: files, and folders that are searched to the bottom. `sysroot`: where the rest is
  // looked for, "" for this system.
  files(std::vector<std::string> given, std::string sysroot);

  // Calls look(path) for whatever may be the file, the likeliest first, until it returns true.
  void each(std::string_view module, std::string_view build_id,
            const std::function<bool(const std::filesystem::path&)>& look) const;
  // As elfutils wants to have it: where separate debug files lie.
  const std::string& debug_path() const { return debug_path_; }

 private:
  using paths = std::vector<std::filesystem::path>;

  void index(const std::filesystem::path& folder);
  paths by_build_id(std::string_view build_id) const;

  paths given_files_, debug_folders_, binary_folders_;
  std::multimap<std::string, std::filesystem::path, std::less<>> by_name_;
  std::string debug_path_;
};

}  // namespace graceslab::tool::decode
