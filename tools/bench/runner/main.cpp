// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One trial in a process of its own: loads one plug-in, plays one workload, prints its figures.
// It links nothing that a peer might meet: `graceslab bench` starts it, perhaps with an allocator
// preloaded.
//   runner PLUGIN                        its workloads, one a line
//   runner PLUGIN WORKLOAD KEY=VALUE...  the figures, `METRIC VALUE` a line
//   runner --where LIBRARY               the path of a shared library that was preloaded
#include <dlfcn.h>
#include <link.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <map>
#include <string>

#include "../peers/peer.hpp"

namespace {

using namespace graceslab::bench;

int refuse(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  return 2;
}

// The plug-in stays loaded: what it started may go on until the process ends.
bool load(const char* file, peer& into) {
  void* handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return false;
  auto* entry = reinterpret_cast<void (*)(peer*)>(dlsym(handle, "graceslab_bench_peer"));
  if (entry == nullptr) return false;
  entry(&into);
  return true;
}

int where(const char* library) {
  void* handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  link_map* map = nullptr;
  if (handle == nullptr) return refuse("not preloaded");
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) return refuse(dlerror());
  std::printf("%s\n", map->l_name);
  return 0;
}

std::map<std::string, std::string> arguments(char** first, char** last) {
  std::map<std::string, std::string> all;
  for (char** word = first; word != last; ++word)
    if (const char* equals = std::strchr(*word, '='))
      all[std::string(*word, static_cast<std::size_t>(equals - *word))] = equals + 1;
  return all;
}

int play(const peer& p, const char* name, trial t) {
  auto found = p.workloads.find(name);
  if (found == p.workloads.end()) return refuse("no such workload here");
  found->second(t);
  for (const auto& [metric, value] : t.figures()) std::printf("%s %.9g\n", metric.c_str(), value);
  // What a peer leaves running or pending is not to hold the next one up.
  std::fflush(stdout);
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--where") == 0) return where(argv[2]);
  if (argc < 2) return refuse("usage: PLUGIN [WORKLOAD KEY=VALUE...]");
  peer p;
  if (!load(argv[1], p)) return refuse(dlerror());
  try {
    if (argc > 2) return play(p, argv[2], trial(arguments(argv + 3, argv + argc)));
  } catch (const std::exception& e) {
    return refuse(e.what());
  }
  for (const auto& [name, unused] : p.workloads) std::printf("%s\n", name.c_str());
  return 0;
}
