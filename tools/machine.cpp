// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "machine.hpp"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <graceslab/detail/version.h>
#include <sys/utsname.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "page/shell.hpp"
#include "page/text.hpp"

namespace graceslab::tool {
namespace {

std::string cpu_field(const char* name) {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind(name, 0) == 0) return line.substr(line.find(':') + 2);
  return {};
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
  m.library = GRACESLAB_VERSION_STRING;
  return m;
}

nlohmann::ordered_json json_of(const machine& m) {
  return {
      {"date", m.date},     {"num_cpus", m.cores},    {"mhz_per_cpu", m.mhz},        {"cpu", m.cpu},
      {"system", m.system}, {"compiler", m.compiler}, {"library_version", m.library}};
}

machine machine_of(const fields& from) {
  machine m;
  m.date = from.text("date");
  m.cores = static_cast<unsigned>(from.count("num_cpus"));
  m.mhz = from.number("mhz_per_cpu");
  m.cpu = from.text("cpu");
  m.system = from.text("system");
  m.compiler = from.text("compiler");
  m.library = from.text("library_version");
  return m;
}

std::string facts_of(const machine& m) {
  using page::escape;
  using page::fact;
  std::string cpu = m.cpu.empty() ? "unknown processor" : escape(m.cpu);
  return fact("Machine", fmt::format("{}, {} cores at {:.0f} MHz", cpu, m.cores, m.mhz)) +
         fact("System", escape(m.system)) +
         fact("Compiler", escape(m.compiler) + ", graceslab " + escape(m.library)) +
         fact("Date", escape(m.date));
}

}  // namespace graceslab::tool
