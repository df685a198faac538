// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab report`: the page of a fresh run of the laboratory, or of earlier runs from their
// JSON.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "../bench/results.hpp"
#include "../commands.hpp"
#include "../lab/experiment.hpp"
#include "../page/shell.hpp"
#include "../replaced_file.hpp"
#include "../whole_file.hpp"

namespace graceslab::tool {
namespace {

using json = nlohmann::ordered_json;

struct options {
  std::vector<std::string> files;
  std::string html = "graceslab-report.html";
  lab::settings run;
};

json json_in(const std::string& path) {
  try {
    return json::parse(whole_file(path));
  } catch (const json::parse_error& e) {
    throw usage_error(fmt::format("'{}' is no whole JSON: wrong at byte {}", path, e.byte));
  } catch (const json::exception&) {  // a number beyond all numbers
    throw usage_error(fmt::format("'{}' is no JSON that can be used", path));
  }
}

// What the files tell; of each kind of run one at most.
struct parts {
  std::string lab, bench;
};

void add(parts& all, const std::string& path) {
  json told = json_in(path);
  try {
    fields from(told);
    bool is_lab = from.has("approaches"), is_bench = from.has("benchmarks");
    if (!is_lab && !is_bench)
      throw foreign_json("neither \"approaches\" nor \"benchmarks\" is there");
    std::string& part = is_lab ? all.lab : all.bench;
    if (!part.empty())
      throw usage_error(
          fmt::format("'{}' is a second run of `graceslab {}`", path, is_lab ? "lab" : "bench"));
    part = is_lab ? html_of(lab::findings_of(from)) : html_of(bench::outcome_of(from));
  } catch (const foreign_json& e) {
    throw usage_error(
        fmt::format("'{}' is no output of `graceslab lab --json` or `graceslab bench --json`: {}",
                    path, e.what()));
  }
}

void from_files(const options& o) {
  parts all;
  for (const std::string& path : o.files) add(all, path);
  const char* title = all.lab.empty() ? "graceslab bench" : lab::page_title;
  replace_file(o.html, "--html", page::whole(title, all.lab + all.bench));
}

void from_a_run(const options& o) {
  lab::findings f = lab::measure(o.run);
  lab::write_page(f, o.html, "--html");
  exit_status = f.good() ? 0 : 1;
}

void run(const options& o) {
  expect_writable(o.html, "--html");
  o.files.empty() ? from_a_run(o) : from_files(o);
  fmt::print("{}\n", o.html);
}

}  // namespace

void add_report(CLI::App& app) {
  auto o = std::make_shared<options>();
  CLI::App* command = app.add_subcommand(
      "report", "Write a page about every approach, from a fresh run or from earlier ones");
  command->add_option("JSON", o->files,
                      "Output of `lab --json`, of `bench --json`, or of both; none: run the lab");
  command->add_option("--html", o->html, "Write the page to this file")->capture_default_str();
  command
      ->add_option("--input", o->run.inputs,
                   "IP-to-country ranges (repeatable); default: those of tor-geoipdb")
      ->allow_extra_args(false);
  command->add_option("--rounds", o->run.rounds, "Modules torn down per approach")
      ->check(CLI::Range(1u, 100000u))
      ->capture_default_str();
  command->add_option("--seconds", o->run.seconds, "Load before each teardown")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->footer(
      "Prints the name of the page. Exit status: 0 written, 1 written, and a promise was broken or "
      "a mistake not caught, 2 bad options or input");
  command->callback([o] { run(*o); });
}

}  // namespace graceslab::tool
