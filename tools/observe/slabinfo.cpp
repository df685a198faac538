// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab slabinfo`: the caches of a process in the columns of the kernel's /proc/slabinfo.
// `graceslab why`: what a cache of it waits for.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "commands.hpp"
#include "observe/client.hpp"
#include "observe/options.hpp"

namespace graceslab::tool {
namespace {

using namespace observe;

constexpr std::uint64_t page_bytes = 4096;

std::string one_word(const char* name) {
  std::string word = *name != '\0' ? name : "?";
  for (char& c : word)
    if (c == ' ') c = '_';
  return word;
}

void print_row(const gs_observe_cache& c) {
  if (c.unseen != 0) return fmt::print("# {:<15} was busy all the time\n", one_word(c.name));
  const std::uint64_t active = c.allocated + c.deferred + c.leaked + c.unborn;
  fmt::print(
      "{:<17} {:6} {:6} {:6} {:4} {:4} : tunables {:4} {:4} {:4} : slabdata {:6} {:6} {:6}\n",
      one_word(c.name), active, c.objects, c.stride_bytes, c.slab_objects,
      c.slab_bytes / page_bytes, 0, 0, 0, c.slabs_used, c.slabs, 0);
}

void print_slabinfo(const process_option& process) {
  connection asked(process.chosen());
  const snapshot now = asked.list();
  fmt::print(
      "slabinfo - version: 2.1\n"
      "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
      " : tunables <limit> <batchcount> <sharedfactor>"
      " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
  for (const gs_observe_cache& c : now.caches) print_row(c);
}

void print_why(const process_option& process, const std::string& cache) {
  connection asked(process.chosen());
  const std::vector<std::string> all = asked.why(cache);
  if (all.empty())
    throw usage_error(fmt::format("process {} has no cache '{}'", asked.pid(), cache));
  for (const std::string& text : all) fmt::print("{}\n", text);
}

}  // namespace

void add_slabinfo(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "slabinfo", "Print the caches of a process that is observed, as /proc/slabinfo does");
  auto process = std::make_shared<process_option>();
  process->add_to(*command);
  command->callback([process] { print_slabinfo(*process); });
}

void add_why(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "why", "Say what a cache of a process that is observed waits for: a reader, a callback");
  auto process = std::make_shared<process_option>();
  auto cache = std::make_shared<std::string>();
  process->add_to(*command)->required();
  command->add_option("cache", *cache, "Its name, or #NUMBER; all of that name are told of")
      ->type_name("CACHE")
      ->required();
  command->callback([process, cache] { print_why(*process, *cache); });
}

}  // namespace graceslab::tool
