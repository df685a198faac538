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

std::vector<contestant> any_size() {
  std::vector<contestant> all = {{"graceslab kmalloc", "graceslab_pointer", "", true},
                                 {"glibc", "malloc", ""}};
  for (const allocator& a : allocators) all.push_back({a.name, "malloc", a.name});
  return all;
}

contest& add(catalogue& c, const char* group, const char* workload,
             std::map<std::string, std::string> parameters) {
  c.contests.push_back(
      {workload, std::move(parameters), "ns", "ns", everybody(), group, 0, 0, false});
  return c.contests.back();
}

void against_mallocs(catalogue& c, const char* what, const char* contest, const char* ours,
                     double goal, double stretch, const char* why) {
  c.targets.push_back(
      {what, {contest, {ours}, ""}, {contest, mallocs, ""}, goal, stretch, "", why});
}

// Buffers, beside what programs are usually linked with.
void against_usual(catalogue& c, const std::string& what, const std::string& contest) {
  c.targets.push_back({what,
                       {contest, {"graceslab kmalloc"}, ""},
                       {contest, {"glibc", "jemalloc", "mimalloc"}, ""},
                       3,
                       1,
                       ""});
}

const char* const why_pair =
    "Measured alone: the guarded pop and push 1.5 ns, finding the cache's arrays by its handle 1.2 "
    "ns, the state bytes 1.6 ns; a malloc that looks for nothing takes 3.3 ns in all. Tried: half "
    "the instructions (they hid behind the loads); the count in the thread's record (no gain); a "
    "top pointer there (-0.4 ns, but two lines per thread and cache); no guard (-0.7 ns, but then "
    "nobody can take arrays over).";
const char* const why_batch =
    "1000 objects are more than the arrays and ten full sheaves hold (768), so a part goes through "
    "the slabs: 0.8 ns; the state bytes take 1.3 ns. Tried: one lock instead of two for an "
    "exchange of sheaves, ages from a cheaper clock (-0.7 ns together); slabs that hand out and "
    "take back runs (-0.7 ns).";
const char* const why_replace =
    "Each of a million objects has a cold state byte, a line of its own: 18 ns. Without detection "
    "the goal is met (0.88). Tried: prefetching objects four allocations ahead.";
const char* const why_handoff =
    "At the edge of the goal (0.30 to 0.38 on one day). Of 8 ns the pair alone takes 3.5 to 5, and "
    "detection makes no difference here; the rest is lines of objects and sheaves that change "
    "cores. Tried: one lock instead of two for an exchange of sheaves.";

}  // namespace

void add_allocation(catalogue& c) {
  for (const char* size : {"32", "64", "128", "256", "1024", "4096"})
    add(c, "Allocate, write, free", "alloc_pair", {{"size", size}});
  for (const char* order : {"fifo", "lifo", "random"})
    add(c, "A thousand at a time", "alloc_batch", {{"order", order}, {"size", "64"}});
  add(c, "Replace one of a million", "alloc_replace", {{"size", "64"}});
  add(c, "Allocate here, free there", "alloc_handoff", {{"size", "64"}});
  for (const char* size : {"16384", "65536", "262144", "1048576"})
    add(c, "Replace one of eight buffers", "alloc_middle", {{"size", size}}).contestants =
        any_size();
  add(c, "Grow a buffer of 9 to 19 kB by one byte", "realloc_grow", {}).contestants = any_size();
  add(c, "A cache beyond the first 32 of a thread", "alloc_far", {}).contestants = {
      {"graceslab called", "graceslab_called", "", true}};
  contest& memory = add(c, "Memory", "memory", {{"live", "10000000"}, {"size", "64"}});
  memory.metric = "bytes_per_object";
  memory.unit = "B";
  memory.repetitions = 1;

  against_mallocs(c, "alloc + free, called", "alloc_pair/size:64", "graceslab called", 1.3, 1.1,
                  why_pair);
  against_mallocs(c, "alloc + free, inline", "alloc_pair/size:64", "graceslab inline", 0.8, 0.6,
                  why_pair);
  against_mallocs(c, "alloc + free, called, detection off", "alloc_pair/size:64",
                  "graceslab called, detection off", 1.0, 0.8, why_pair);
  against_mallocs(c, "alloc + free, inline, detection off", "alloc_pair/size:64",
                  "graceslab inline, detection off", 0.5, 0.35, why_pair);
  against_mallocs(c, "batch of 1000 in random order, called", "alloc_batch/order:random/size:64",
                  "graceslab called", 0.9, 0.7, why_batch);
  against_mallocs(c, "replace one of a million", "alloc_replace/size:64", "graceslab called", 0.9,
                  0.7, why_replace);
  against_mallocs(c, "producer/consumer across cores", "alloc_handoff/size:64", "graceslab called",
                  0.3, 0.15, why_handoff);
  for (const char* size : {"16384", "65536", "262144", "1048576"})
    against_usual(c, std::string("replace one of eight buffers of ") + size + " B",
                  std::string("alloc_middle/size:") + size);
  against_usual(c, "grow a buffer by one byte", "realloc_grow");
  c.targets.push_back({"a cache beyond the first 32",
                       {"alloc_far", {"graceslab called"}, ""},
                       {"alloc_pair/size:64", {"graceslab called"}, ""},
                       1.2,
                       1.1,
                       ""});
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
