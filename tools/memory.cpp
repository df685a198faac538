// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab memory`: what one more process, cache, thread and object cost on this machine, as
// anonymous memory. Each row is measured in a child of its own.
#include <fmt/core.h>
#include <graceslab/kernel/rcupdate.h>
#include <graceslab/kernel/slab.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "anonymous_memory.hpp"
#include "commands.hpp"

namespace graceslab::tool {
namespace {

constexpr std::size_t many_caches = 1000, threads = 8, bytes_of_objects = std::size_t{64} << 20;

double anonymous_now() {
  const std::optional<std::uint64_t> bytes = anonymous_bytes();
  if (!bytes) throw usage_error("/proc/self/smaps_rollup cannot be read");
  return static_cast<double>(*bytes);
}

constexpr auto until_it_went_back = std::chrono::milliseconds(2500);

struct costs {
  double at_once = 0;
  double later = 0;  // two seconds after the last use
  bool goes_back = false;
};

// Of `n` things that use() brings on.
template <class Use>
costs of_each(std::size_t n, Use use, bool goes_back) {
  const double before = anonymous_now();
  use();
  costs c;
  c.goes_back = goes_back;
  c.at_once = (anonymous_now() - before) / static_cast<double>(n);
  if (!goes_back) return c;
  std::this_thread::sleep_for(until_it_went_back);
  c.later = (anonymous_now() - before) / static_cast<double>(n);
  return c;
}

kmem_cache* make_cache() {
  kmem_cache* s = kmem_cache_create("measured", 64, 0, 0, nullptr);
  if (s == nullptr) throw usage_error("a cache cannot be created");
  return s;
}

std::vector<kmem_cache*> make_caches(std::size_t n) {
  std::vector<kmem_cache*> all(n);
  for (kmem_cache*& s : all) s = make_cache();
  return all;
}

void* touched(kmem_cache* s) {
  void* p = kmem_cache_alloc(s, GFP_KERNEL);
  if (p == nullptr) throw usage_error("no memory for an object");
  return __builtin_memset(p, 1, 64);
}

void use_each(const std::vector<kmem_cache*>& all) {
  for (kmem_cache* s : all) kmem_cache_free(s, touched(s));
}

costs of_process() {
  return of_each(
      1,
      [] {
        kmem_cache* s = make_cache();
        gs_retire(touched(s));
        rcu_barrier();
      },
      false);
}

costs of_unused_cache() {
  make_cache();
  std::vector<kmem_cache*> all(many_caches);
  return of_each(
      many_caches,
      [&] {
        for (kmem_cache*& s : all) s = make_cache();
      },
      false);
}

costs of_used_cache() {
  use_each(make_caches(1));
  std::vector<kmem_cache*> all(many_caches);
  return of_each(
      many_caches,
      [&] {
        for (kmem_cache*& s : all) s = make_cache();
        use_each(all);
      },
      true);
}

costs of_thread() {
  const std::vector<kmem_cache*> first = make_caches(1), all = make_caches(many_caches);
  use_each(all);
  std::this_thread::sleep_for(until_it_went_back);
  std::barrier together(threads + 1);
  std::vector<std::thread> users;
  for (std::size_t i = 0; i != threads; ++i)
    users.emplace_back([&] {
      use_each(first);
      together.arrive_and_wait();
      together.arrive_and_wait();
      use_each(all);
      together.arrive_and_wait();
      together.arrive_and_wait();
    });
  together.arrive_and_wait();
  const costs c = of_each(
      threads * many_caches,
      [&] {
        together.arrive_and_wait();
        together.arrive_and_wait();
      },
      true);
  together.arrive_and_wait();
  for (std::thread& t : users) t.join();
  return c;
}

template <std::size_t Bytes>
costs of_object() {
  kmem_cache* s = kmem_cache_create("measured", Bytes, 0, 0, nullptr);
  constexpr std::size_t n = bytes_of_objects / Bytes;
  return of_each(
      n,
      [s] {
        for (std::size_t i = 0; i != n; ++i)
          if (void* p = kmem_cache_alloc(s, GFP_KERNEL)) __builtin_memset(p, 1, Bytes);
      },
      false);
}

struct row {
  const char* one_more;
  const char* key;
  costs (*measure)();
};

constexpr row rows[] = {
    {"process that uses the library", "process", of_process},
    {"cache, not used", "cache_unused", of_unused_cache},
    {"cache, used by one thread", "cache_used", of_used_cache},
    {"thread, for each cache that it uses", "thread", of_thread},
    {"object of 16 bytes", "object_16", of_object<16>},
    {"object of 64 bytes", "object_64", of_object<64>},
    {"object of 256 bytes", "object_256", of_object<256>},
    {"object of 1 KiB", "object_1024", of_object<1024>},
    {"object of 4 KiB", "object_4096", of_object<4096>},
    {"object of 16 KiB", "object_16384", of_object<16384>},
};

// In a child, which begins without anything of the library in use.
costs measured(const row& r) {
  int ends[2];
  if (pipe(ends) != 0) throw usage_error("no pipe to a child process");
  const pid_t child = fork();
  if (child < 0) throw usage_error("no child process");
  if (child == 0) {
    costs c;
    try {
      c = r.measure();
    } catch (const usage_error& e) {
      fmt::print(stderr, "graceslab: {}\n", e.what());
      _exit(2);
    }
    _exit(write(ends[1], &c, sizeof c) == sizeof c ? 0 : 1);
  }
  close(ends[1]);
  costs c;
  const bool whole = read(ends[0], &c, sizeof c) == sizeof c;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!whole) throw usage_error(fmt::format("'{}' could not be measured", r.one_more));
  return c;
}

void print_memory(bool as_json) {
  nlohmann::ordered_json root = {{"version", gs_version()}, {"unit", "bytes"}};
  if (!as_json)
    fmt::print(
        "| one more | bytes | bytes two seconds after its last use |\n| --- | --- | --- |\n");
  for (const row& r : rows) {
    const costs c = measured(r);
    root["rows"].push_back({{"one_more", r.key}, {"bytes", c.at_once}});
    if (c.goes_back) root["rows"].back()["later_bytes"] = c.later;
    if (!as_json)
      fmt::print("| {} | {:.1f} | {} |\n", r.one_more, c.at_once,
                 c.goes_back ? fmt::format("{:.1f}", c.later) : "");
    std::fflush(stdout);
  }
  if (as_json) fmt::print("{}\n", root.dump(2));
}

}  // namespace

void add_memory(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "memory", "Measure what one more process, cache, thread and object cost in memory");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON, alone on standard output");
  command->callback([json] { print_memory(*json); });
}

}  // namespace graceslab::tool
