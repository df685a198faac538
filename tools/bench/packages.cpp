// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which versions of the peers were measured.
#include <filesystem>

#include "../child_output.hpp"
#include "results.hpp"

namespace graceslab::tool::bench {

std::vector<std::string> package_versions() {
  std::vector<std::string> words = {"/usr/bin/dpkg-query", "-W", "-f",
                                    "${db:Status-Abbrev}${Package} ${Version}\n"};
  for (const char* package :
       {"libc6", "liburcu-dev", "libck-dev", "libcds-dev", "libboost-dev", "libstdc++-12-dev"})
    words.emplace_back(package);
  for (const allocator& a : allocators) words.push_back(a.package);
  if (!std::filesystem::exists(words[0])) return {};
  const std::string known = run_child(words, {"LC_ALL=C"}, 30'000).out;
  std::vector<std::string> all;
  for (std::size_t at = 0; at < known.size();) {
    std::size_t end = known.find('\n', at);
    std::string line = known.substr(at, end - at);
    if (line.rfind("ii ", 0) == 0) all.push_back(line.substr(3));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return all;
}

}  // namespace graceslab::tool::bench
