// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab top`: the domains and caches of a process that is observed, as they change.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "commands.hpp"
#include "observe/options.hpp"
#include "observe/rows.hpp"
#include "observe/screen.hpp"

namespace graceslab::tool {
namespace {

using namespace observe;
using steady = std::chrono::steady_clock;

struct options {
  process_option process;
  bool once = false, json = false, plain = false;
  double seconds = 1;
  std::string sort = "size";
};

constexpr double first_look_s = 0.25;  // before the first rates

const order& order_named(const std::string& name) {
  for (const order& o : orders())
    if (name == o.name) return o;
  throw usage_error(fmt::format("nothing is sorted by '{}'", name));
}

std::string title_of(const connection& asked) {
  return fmt::format("graceslab top: process {} ({})", asked.pid(), process_name(asked.pid()));
}

void print_plain(const connection& asked, const view& v) {
  fmt::print("{}\n{}\n", title_of(asked), domain_header());
  for (const domain_row& r : v.domains) fmt::print("{}\n", line_of(r));
  fmt::print("{}\n", cache_header());
  for (const cache_row& r : v.caches) fmt::print("{}\n", line_of(r));
}

void sleep_s(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

void print_lines(connection& asked, const options& o) {
  snapshot before = asked.list();
  for (double wait = first_look_s;; wait = o.seconds) {
    sleep_s(wait);
    snapshot now = asked.list();
    view v = compare(before, now);
    sort(v.caches, order_named(o.sort));
    if (o.json)
      fmt::print("{}\n", json_of(asked.pid(), v, o.once ? 2 : -1));
    else
      print_plain(asked, v);
    if (o.once) return;
    // Whoever reads a pipe wants each look at once, and his end is ours.
    if (std::fflush(stdout) != 0) return;
    before = std::move(now);
  }
}

int ms_until(steady::time_point when) {
  return static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(when - steady::now()).count());
}

void run_screen(connection& asked, const options& o) {
  screen terminal;
  const auto pause =
      std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(o.seconds));
  snapshot before = asked.list(), now = before;
  for (auto next = steady::now() + pause;;) {
    const view v = compare(before, now);
    switch (terminal.turn(title_of(asked), v, ms_until(next))) {
      case screen::wish::quit:
        return;
      case screen::wish::why:
        terminal.show("why", asked.why(terminal.chosen()));
        break;
      case screen::wish::nothing:
        break;
    }
    if (steady::now() < next) continue;
    before = std::move(now);
    now = asked.list();
    next = steady::now() + pause;
  }
}

void run_top(const options& o) {
  (void)order_named(o.sort);
  connection asked(o.process.chosen());
  if (o.once || o.json || o.plain || isatty(STDOUT_FILENO) == 0 || isatty(STDIN_FILENO) == 0)
    print_lines(asked, o);
  else
    run_screen(asked, o);
}

}  // namespace

void add_top(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "top",
      "Show readers, grace periods and caches of a process that is observed, as they change");
  auto o = std::make_shared<options>();
  o->process.add_to(*command);
  command->add_flag("--once", o->once, "Print one look and exit");
  auto* json = command->add_flag("--json", o->json, "Print JSON, a line for each look");
  command->add_flag("--plain", o->plain, "Print lines of text also to a terminal")->excludes(json);
  command->add_option("--seconds", o->seconds, "Between two looks, 0.1 to 20")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 20.0));
  command->add_option("--sort", o->sort, "What the caches are sorted by")
      ->type_name("COLUMN")
      ->check(CLI::IsMember({"size", "name", "allocated", "deferred", "oldest", "rate", "stage"}));
  command->callback([o] { run_top(*o); });
}

}  // namespace graceslab::tool
