// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab trace`: what a process recorded of itself, as lines or as a timeline.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "commands.hpp"
#include "observe/client.hpp"
#include "replaced_file.hpp"
#include "trace/recorded.hpp"
#include "trace/timeline.hpp"
#include "whole_file.hpp"

namespace graceslab::tool {
namespace {

using trace::recording;

struct options {
  std::string source, out;
  bool json = false;
  double timeout_s = 10;
};

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

recording of_process(const options& o) {
  const std::uint32_t pid = observe::chosen_process(o.source);
  observe::connection asked({pid, std::chrono::milliseconds(long(o.timeout_s * 1000))});
  const std::string text = asked.trace();
  if (text.empty())
    throw usage_error(
        fmt::format("process {} records nothing: start it with GRACESLAB_TRACE=4M", pid));
  return trace::parse(text, fmt::format("what process {} tells", pid));
}

recording chosen(const options& o) {
  std::error_code ignored;
  if (!is_number(o.source) &&
      (o.source.find('/') != std::string::npos || std::filesystem::exists(o.source, ignored)))
    return trace::parse(whole_file(o.source), o.source);
  return of_process(o);
}

void print_lines(const recording& all) {
  fmt::print("# process {}: {} events, {} lost\n", all.pid, all.events.size(), all.lost);
  fmt::print("# {:>10} {:<24} {:<14} {:<20} {}\n", "ms", "thread", "event", "of", "what");
  for (const trace::event& e : all.events)
    fmt::print("{:>12.3f} {:<24} {:<14} {:<20} {}\n",
               static_cast<double>(e.ns - all.events.front().ns) / 1e6, all.thread(e.thread),
               trace::name_of(e.happened), e.name, words_of(all, e));
}

void run(const options& o) {
  const recording all = chosen(o);
  if (!o.out.empty())
    replace_file(o.out, "--out", timeline_of(all));
  else if (o.json)
    fmt::print("{}", timeline_of(all));
  else
    print_lines(all);
}

}  // namespace

void add_trace(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "trace", "Show what a process recorded: grace periods, callbacks, and how caches end");
  auto o = std::make_shared<options>();
  command
      ->add_option("source", o->source,
                   "A process that is observed, by its id or its name, or a file that one wrote")
      ->type_name("PID|NAME|FILE")
      ->required();
  command->add_flag("--json", o->json,
                    "Print a timeline, for Perfetto and Chrome's trace viewer, instead of lines");
  command->add_option("--out", o->out, "Write the timeline to this file")->type_name("FILE");
  command->add_option("--timeout", o->timeout_s, "How long it may take to answer, 0.1 to 600")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 600.0));
  command->callback([o] { run(*o); });
}

}  // namespace graceslab::tool
