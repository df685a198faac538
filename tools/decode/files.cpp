// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "decode/files.hpp"

#include <fmt/core.h>

#include <cstdlib>
#include <system_error>

#include "commands.hpp"

namespace graceslab::tool::decode {
namespace fs = std::filesystem;
namespace {

// Those of a folder that do not exist are passed over, as are those that cannot be read.
template <class Visit>
void each_entry(const fs::path& folder, Visit visit) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    visit(at->path());
}

std::vector<fs::path> folders_of(std::string_view list) {
  std::vector<fs::path> all;
  for (std::size_t from = 0; from <= list.size();) {
    const std::size_t to = std::min(list.find(':', from), list.size());
    if (to != from) all.emplace_back(list.substr(from, to - from));
    from = to + 1;
  }
  return all;
}

}  // namespace

files::files(std::vector<std::string> given, std::string sysroot) {
  for (const fs::path path : given) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      debug_folders_.push_back(path);
      index(path);
    } else if (fs::exists(path, error)) {
      given_files_.push_back(path);
    } else {
      throw usage_error(fmt::format("{}: no such file or folder", path.string()));
    }
  }
  const fs::path root = sysroot.empty() ? "/" : sysroot;
  if (!fs::is_directory(root)) throw usage_error(fmt::format("{}: no such folder", sysroot));
  debug_folders_.push_back(root / "usr/lib/debug");
  if (sysroot.empty()) {
    binary_folders_.emplace_back(".");
    const char* path = std::getenv("PATH");
    for (const fs::path& folder : folders_of(path != nullptr ? path : ""))
      binary_folders_.push_back(folder);
  }
  for (const char* folder : {"bin", "usr/bin", "usr/local/bin", "lib", "lib64", "usr/lib",
                             "usr/lib64", "usr/local/lib"}) {
    binary_folders_.push_back(root / folder);
    if (std::string_view(folder).ends_with("lib"))  // Debian's, one for each architecture
      each_entry(root / folder, [this](const fs::path& inner) {
        if (inner.filename().string().find("-linux-gnu") != std::string::npos)
          binary_folders_.push_back(inner);
      });
  }
  for (const fs::path& folder : debug_folders_)
    debug_path_ += (debug_path_.empty() ? "" : ":") + folder.string();
}

void files::index(const fs::path& folder) {
  std::error_code error;
  constexpr auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(folder, options, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code unreadable;
    if (at->is_regular_file(unreadable)) by_name_.emplace(at->path().filename(), at->path());
  }
}

// A report has the first half of it, so it is the beginning of a file's name.
files::paths files::by_build_id(std::string_view build_id) const {
  paths found;
  if (build_id.size() <= 2) return found;
  for (const fs::path& folder : debug_folders_)
    each_entry(folder / ".build-id" / build_id.substr(0, 2), [&](const fs::path& file) {
      if (file.filename().string().starts_with(build_id.substr(2))) found.push_back(file);
    });
  return found;
}

void files::each(std::string_view module, std::string_view build_id,
                 const std::function<bool(const fs::path&)>& look) const {
  paths likely = given_files_;
  for (const std::string& name : {std::string(module), std::string(module) + ".debug"})
    for (auto [at, end] = by_name_.equal_range(name); at != end; ++at) likely.push_back(at->second);
  for (const fs::path& folder : binary_folders_) likely.push_back(folder / module);
  for (fs::path& path : by_build_id(build_id)) likely.push_back(std::move(path));
  for (const fs::path& path : likely) {
    std::error_code error;
    if (fs::is_regular_file(path, error) && look(path)) return;
  }
}

}  // namespace graceslab::tool::decode
