// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "trials.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "child.hpp"

namespace graceslab::tool::bench {
namespace {

namespace fs = std::filesystem;
constexpr double patience_s = 120;  // for a trial, beyond its own time

std::string find_folder() {
  fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  std::vector<fs::path> all = {here / "bench"};
  std::error_code none;
  for (const char* lib : {"lib", "lib64"}) {
    fs::path root = here.parent_path() / lib;
    all.push_back(root / "graceslab" / "bench");
    for (const fs::directory_entry& triplet : fs::directory_iterator(root, none))
      all.push_back(triplet.path() / "graceslab" / "bench");
  }
  for (const fs::path& folder : all)
    if (fs::exists(folder / "runner", none)) return fs::canonical(folder).string();
  throw std::runtime_error("cannot find bench/runner beside the executable or in ../lib/graceslab");
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

stadium::stadium() : folder_(find_folder()) {}

const stadium::plug_in& stadium::look_up(const std::string& name) {
  auto [at, fresh] = plug_ins_.try_emplace(name);
  std::string file = folder_ + "/" + name + ".so";
  std::error_code none;
  if (!fresh || !fs::exists(file, none)) return at->second;
  child_result listed = run_child({folder_ + "/runner", file}, {preloaded(file)}, patience_s);
  if (!listed.good())
    throw std::runtime_error(fmt::format("{} cannot be loaded: {}", file, listed.trouble()));
  at->second.there = true;
  std::istringstream lines(listed.output);
  for (std::string line; std::getline(lines, line);) at->second.workloads.insert(line);
  return at->second;
}

std::string stadium::preload_path(const std::string& name) {
  auto [at, fresh] = preloads_.try_emplace(name);
  const allocator* a = allocator_named(name);
  if (!fresh || a == nullptr) return at->second;
  for (const std::string& file : a->files) {
    child_result found =
        run_child({folder_ + "/runner", "--where", file}, {"LD_PRELOAD=" + file}, patience_s);
    if (!found.good()) continue;
    at->second = found.output.substr(0, found.output.find('\n'));
    break;
  }
  return at->second;
}

std::string stadium::absent(const contestant& who, const std::string& workload) {
  const plug_in& p = look_up(who.plug_in);
  if (!p.there) return "not built: its package was not installed";
  if (p.workloads.count(workload) == 0) return "does not play this";
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
  child_result played = run_child(words, environment, seconds + patience_s);
  if (!played.good()) {
    *why = played.trouble();
    return false;
  }
  std::istringstream lines(played.output);
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
