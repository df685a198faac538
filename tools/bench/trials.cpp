// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "trials.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "../beside.hpp"
#include "../child_output.hpp"

namespace graceslab::tool::bench {
namespace {

namespace fs = std::filesystem;
constexpr int patience_ms = 120'000;  // for a trial, beyond its own time

bool good(const child_output& c) { return !c.timed_out && c.signal == 0 && c.status == 0; }

// In one line.
std::string trouble_of(const child_output& c) {
  if (c.timed_out) return "did not end in time";
  std::string first = c.err.substr(0, c.err.find('\n'));
  if (c.signal != 0) return fmt::format("ended by signal {} {}", c.signal, first);
  return first.empty() ? fmt::format("exit status {}", c.status) : first;
}

// The plug-in is there from the start, with the libraries that it needs: their thread-local
// variables then lie where those of a program do that links them.
std::string preloaded(const std::string& plug_in, const std::string& first = "") {
  return "LD_PRELOAD=" + first + (first.empty() ? "" : ":") + plug_in;
}

const allocator* allocator_named(const std::string& name) {
  for (const allocator& a : allocators)
    if (a.name == name) return &a;
  return nullptr;
}

}  // namespace

stadium::stadium() : folder_(fs::path(find_beside("bench/runner")).parent_path().string()) {}

const stadium::plug_in& stadium::look_up(const std::string& name) {
  auto [at, fresh] = plug_ins_.try_emplace(name);
  std::string file = folder_ + "/" + name + ".so";
  std::error_code none;
  if (!fresh || !fs::exists(file, none)) return at->second;
  child_output listed = run_child({folder_ + "/runner", file}, {preloaded(file)}, patience_ms);
  if (!good(listed))
    throw std::runtime_error(fmt::format("{} cannot be loaded: {}", file, trouble_of(listed)));
  at->second.there = true;
  std::istringstream lines(listed.out);
  for (std::string line; std::getline(lines, line);) at->second.workloads.insert(line);
  return at->second;
}

std::string stadium::preload_path(const std::string& name) {
  auto [at, fresh] = preloads_.try_emplace(name);
  const allocator* a = allocator_named(name);
  if (!fresh || a == nullptr) return at->second;
  for (const std::string& file : a->files) {
    child_output found =
        run_child({folder_ + "/runner", "--where", file}, {"LD_PRELOAD=" + file}, patience_ms);
    if (!good(found)) continue;
    at->second = found.out.substr(0, found.out.find('\n'));
    break;
  }
  return at->second;
}

bool stadium::plays(const contestant& who, const std::string& workload) {
  const plug_in& p = look_up(who.plug_in);
  return !p.there || p.workloads.count(workload) != 0;
}

std::string stadium::absent(const contestant& who) {
  if (!look_up(who.plug_in).there) return "not built: its package was not installed";
  if (!who.preload.empty() && preload_path(who.preload).empty())
    return "package " + allocator_named(who.preload)->package + " is not installed";
  return {};
}

bool stadium::play(const contestant& who, const contest& what, double seconds, figures* out,
                   std::string* why) {
  std::vector<std::string> words = {folder_ + "/runner", folder_ + "/" + who.plug_in + ".so",
                                    what.workload, fmt::format("seconds={}", seconds)};
  for (const auto& [key, value] : what.parameters) words.push_back(key + "=" + value);
  std::vector<std::string> environment = {
      preloaded(words[1], who.preload.empty() ? "" : preload_path(who.preload))};
  child_output played;
  try {
    played = run_child(words, environment, static_cast<int>(seconds * 1000) + patience_ms);
  } catch (const std::runtime_error& e) {
    *why = e.what();
    return false;
  }
  if (!good(played)) {
    *why = trouble_of(played);
    return false;
  }
  std::istringstream lines(played.out);
  std::string metric;
  for (double value = 0; lines >> metric >> value;) (*out)[metric] = value;
  return true;
}

double stadium::control_ns(double seconds) {
  figures f;
  std::string why;
  contest loop = {"control", {}, "ns", "ns", {}, "", 0, 0, false};
  return play({"control", "control", "", false}, loop, seconds, &f, &why) ? f["ns"] : 0;
}

}  // namespace graceslab::tool::bench
