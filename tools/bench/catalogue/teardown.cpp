// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for one cache, ending caches, and the kernel's own scale tests.
#include "catalogue.hpp"

namespace graceslab::tool::bench {
namespace {

const std::vector<contestant> only_ours = {{"graceslab", "graceslab_teardown", "", true}};
const std::vector<contestant> kernel_tests = {{"graceslab", "graceslab_kernel", "", true}};

contest& add(catalogue& c, const char* group, const char* workload,
             std::map<std::string, std::string> parameters, const char* metric, const char* unit,
             std::vector<contestant> who) {
  c.contests.push_back(
      {workload, std::move(parameters), metric, unit, std::move(who), group, 0, 0, false});
  return c.contests.back();
}

void ratio_to_alone(catalogue& c, const char* what, const char* contest) {
  c.targets.push_back(
      {what, {contest, {"graceslab"}, "us"}, {contest, {"graceslab"}, "alone_us"}, 1.2, 1.05, ""});
}

void grace_periods(catalogue& c, const char* what, const char* contest, double goal,
                   double stretch) {
  c.targets.push_back(
      {what, {contest, {"graceslab"}, "grace_periods"}, {}, goal, stretch, "grace periods"});
}

void add_one_of_many(catalogue& c) {
  for (const char* pending : {"0", "1", "1000"})
    add(c, "Wait for one cache's retired objects", "cache_barrier", {{"pending", pending}}, "us",
        "us", only_ours);
  for (const char* caches : {"1", "100", "1000", "10000"})
    add(c, "Barrier of one of many busy caches", "barrier_of_many", {{"caches", caches}}, "us",
        "us", only_ours);
  add(c, "Barrier of one of many busy caches", "barrier_of_many",
      {{"caches", "10000"}, {"neighbour", "retires"}}, "us", "us", only_ours);
  add(c, "Barrier of one of many busy caches", "barrier_of_many",
      {{"caches", "10000"}, {"others", "memory"}}, "us", "us", only_ours);
  for (const char* caches : {"1", "100", "1000", "10000"})
    add(c, "Destroy one of many busy caches", "destroy_of_many", {{"caches", caches}}, "us", "us",
        only_ours);
  ratio_to_alone(c, "barrier of 1 of 10 000 busy caches, against 1 of 1",
                 "barrier_of_many/caches:10000");
  ratio_to_alone(c, "destroy of 1 of 10 000 busy caches, against 1 of 1",
                 "destroy_of_many/caches:10000");
}

void add_mass_destroy(catalogue& c) {
  auto one = [&](const char* caches, const char* kind, const char* way) {
    contest& mass =
        add(c, "Destroy all caches at once", "mass_destroy",
            {{"caches", caches}, {"kind", kind}, {"way", way}}, "us_per_cache", "us", only_ours);
    mass.repetitions = 3;
    return mass.name();
  };
  one("10000", "plain", "wait");
  one("10000", "plain", "global");
  one("10000", "plain", "linger");
  std::string type_safe = one("10000", "type-safe", "linger");
  std::string most = one("100000", "plain", "linger");
  grace_periods(c, "10 000 type-safe caches destroyed", type_safe.c_str(), 19, 5);
  grace_periods(c, "100 000 caches with pending objects destroyed", most.c_str(), 20, 5);
}

void add_kernel_tests(catalogue& c) {
  std::vector<contestant> scale = kernel_tests;
  scale.push_back({"liburcu call_rcu + glibc", "urcu_kfree_scale", ""});
  for (const allocator& a : allocators)
    scale.push_back({"liburcu call_rcu + " + a.name, "urcu_kfree_scale", a.name});
  for (const char* threads : {"1", "2"})
    add(c, "The kernel's kfree_scale: 8000 objects", "kfree_scale", {{"threads", threads}}, "us",
        "us", scale);
  for (const char* by : {"reference", "lock", "sequence", "rcu"})
    add(c, "refscale's look-ups in a type-safe cache", "type_safe", {{"by", by}}, "ns", "ns",
        kernel_tests);
}

const char* const why_detection =
    "The state byte, written by the allocation and checked and written by the free, takes 1.6 ns "
    "beside a pair of 3.4 ns. Tried: one record per 64 KiB that names cache, slab and states in "
    "one "
    "line; dividing by multiplying; no second look at what came out of our own arrays.";

// What looking for misuse costs.
void add_detection(catalogue& c) {
  for (const char* by : {"cache", "pointer"})
    add(c, "Detection on and off", "detection", {{"free", by}}, "ns", "ns",
        {{"detection on", "detection", "", true}, {"detection off", "detection_off", "", true}});
  auto ratio = [&](const char* what, const char* contest, double goal, double stretch) {
    c.targets.push_back({what,
                         {contest, {"detection on"}, ""},
                         {contest, {"detection off"}, ""},
                         goal,
                         stretch,
                         "",
                         why_detection});
  };
  ratio("detection on against off, cache given", "detection/free:cache", 1.3, 1.15);
  ratio("detection on against off, pointer only", "detection/free:pointer", 1.5, 1.25);
}

}  // namespace

void add_teardown(catalogue& c) {
  add_one_of_many(c);
  add_mass_destroy(c);
  add_kernel_tests(c);
  add_detection(c);
}

}  // namespace graceslab::tool::bench
