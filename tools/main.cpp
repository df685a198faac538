// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The command line. Every mistake in it is one line on standard error and exit status 2.
#include <fmt/core.h>
#include <graceslab/detail/abi.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "commands.hpp"

namespace {

using namespace graceslab::tool;

// A line stays a line, whatever stood in the argument that it quotes.
int refuse(std::string_view why) {
  std::string line;
  for (char c : why) {
    if (c == '\n')
      line += line.empty() ? "" : " ";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      line += '?';
    else
      line += c;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  fmt::print(stderr, "graceslab: {}\n", line);
  return 2;
}

void add_all(CLI::App& app) {
  app.require_subcommand(0, 1);
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.set_version_flag("--version", std::string("graceslab ") + gs_version(),
                       "Print the version and exit");
  add_lab(app);
  add_report(app);
  add_torture(app);
  add_bench(app);
  add_config(app);
  add_memory(app);
  add_decode(app);
  add_top(app);
  add_slabinfo(app);
  add_why(app);
  add_metrics(app);
  add_trace(app);
  add_manual(app);
  add_completion(app);
  app.add_subcommand("version", "Print the version of the library")->callback([] {
    fmt::print("graceslab {}\n", gs_version());
  });
}

constexpr const char* lost_output = "cannot write to standard output";

// Full disks and closed pipes are found here, not lost.
int finish() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) return refuse(lost_output);
  return exit_status;
}

int run(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) return refuse(e.what());
    app.exit(e);  // prints the help or the version
    return finish();
  }
  if (app.get_subcommands().empty())
    return refuse("a sub-command is required; see graceslab --help");
  return finish();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app(
        "RCU grace periods, slab caches, and every way to end a cache that still waits for one",
        "graceslab");
    add_all(app);
    return run(app, argc, argv);
  } catch (const std::exception& e) {  // printing throws, too, where a buffer is full
    return refuse(std::ferror(stdout) ? lost_output : e.what());
  }
}
