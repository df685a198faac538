// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Allocating and freeing, beside the allocators that replace malloc and the pools.
#include "catalogue.hpp"

namespace graceslab::tool::bench {
namespace {

const std::vector<std::string> mallocs = {"glibc", "jemalloc", "mimalloc", "tcmalloc"};

std::vector<contestant> everybody() {
  std::vector<contestant> all = {
      {"graceslab inline", "graceslab_inline", "", true},
      {"graceslab called", "graceslab_called", "", true},
      {"graceslab kmalloc", "graceslab_pointer", "", true},
      {"graceslab inline, detection off", "graceslab_inline_off", "", true},
      {"graceslab called, detection off", "graceslab_called_off", "", true},
      {"glibc", "malloc", ""},
  };
  for (const allocator& a : allocators) all.push_back({a.name, "malloc", a.name});
  all.push_back({"boost pool", "boost_pool", ""});
  all.push_back({"std::pmr", "pmr", ""});
  all.push_back({"none: the workload itself", "floor", ""});
  return all;
}

contest& add(catalogue& c, const char* group, const char* workload,
             std::map<std::string, std::string> parameters) {
  c.contests.push_back(
      {workload, std::move(parameters), "ns", "ns", everybody(), group, 0, 0, false});
  return c.contests.back();
}

void against_mallocs(catalogue& c, const char* what, const char* contest, const char* ours,
                     double goal, double stretch) {
  c.targets.push_back({what, {contest, {ours}, ""}, {contest, mallocs, ""}, goal, stretch, ""});
}

}  // namespace

void add_allocation(catalogue& c) {
  for (const char* size : {"32", "64", "128", "256", "1024", "4096"})
    add(c, "Allocate, write, free", "alloc_pair", {{"size", size}});
  for (const char* order : {"fifo", "lifo", "random"})
    add(c, "A thousand at a time", "alloc_batch", {{"order", order}, {"size", "64"}});
  add(c, "Replace one of a million", "alloc_replace", {{"size", "64"}});
  add(c, "Allocate here, free there", "alloc_handoff", {{"size", "64"}});
  contest& memory = add(c, "Memory", "memory", {{"live", "10000000"}, {"size", "64"}});
  memory.metric = "bytes_per_object";
  memory.unit = "B";
  memory.repetitions = 1;

  against_mallocs(c, "alloc + free, called", "alloc_pair/size:64", "graceslab called", 1.3, 1.1);
  against_mallocs(c, "alloc + free, inline", "alloc_pair/size:64", "graceslab inline", 0.8, 0.6);
  against_mallocs(c, "alloc + free, called, detection off", "alloc_pair/size:64",
                  "graceslab called, detection off", 1.0, 0.8);
  against_mallocs(c, "alloc + free, inline, detection off", "alloc_pair/size:64",
                  "graceslab inline, detection off", 0.5, 0.35);
  against_mallocs(c, "batch of 1000 in random order, called", "alloc_batch/order:random/size:64",
                  "graceslab called", 0.9, 0.7);
  against_mallocs(c, "replace one of a million", "alloc_replace/size:64", "graceslab called", 0.9,
                  0.7);
  against_mallocs(c, "producer/consumer across cores", "alloc_handoff/size:64", "graceslab called",
                  0.3, 0.15);
  const char* memory_name = "memory/live:10000000/size:64";
  c.targets.push_back({"resident bytes per live 64 B object",
                       {memory_name, {"graceslab called"}, ""},
                       {},
                       65.5,
                       65.2,
                       "B"});
  c.targets.push_back({"resident bytes per live 64 B object, detection off",
                       {memory_name, {"graceslab called, detection off"}, ""},
                       {},
                       64.5,
                       64.2,
                       "B"});
  c.targets.push_back({"left 2 s after freeing all",
                       {memory_name, {"graceslab called"}, "left_percent"},
                       {},
                       10,
                       5,
                       "%"});
}

}  // namespace graceslab::tool::bench
