// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the figures belong to.
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <sys/utsname.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "../child_output.hpp"
#include "results.hpp"

namespace graceslab::tool::bench {
namespace {

std::string cpu_field(const char* name) {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind(name, 0) == 0) return line.substr(line.find(':') + 2);
  return {};
}

// `PACKAGE VERSION` of what is installed, where dpkg knows.
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

}  // namespace

machine this_machine() {
  machine m;
  utsname name = {};
  (void)uname(&name);
  m.system = fmt::format("{} {} {}", name.sysname, name.release, name.machine);
  m.cpu = cpu_field("model name");
  std::string mhz = cpu_field("cpu MHz");
  m.mhz = mhz.empty() ? 0 : std::stod(mhz);
  m.cores = std::thread::hardware_concurrency();
#if defined(__clang__)
  m.compiler = "clang " __clang_version__;
#else
  m.compiler = "gcc " __VERSION__;
#endif
  m.date = fmt::format("{:%Y-%m-%dT%H:%M:%S%z}", fmt::localtime(std::time(nullptr)));
  m.versions = package_versions();
  return m;
}

}  // namespace graceslab::tool::bench
