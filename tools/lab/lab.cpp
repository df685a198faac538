// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab lab`: the paper as an experiment on real input. Here its command line.
#include <CLI/CLI.hpp>
#include <memory>

#include "../commands.hpp"
#include "../replaced_file.hpp"
#include "experiment.hpp"
#include "unsafe.hpp"

namespace graceslab::tool {
namespace {

// One unsafe variant; only `lab` itself starts it.
void add_child(CLI::App& app) {
  CLI::App* command = app.add_subcommand("lab-child", "One unsafe variant")->group("");
  auto variant = std::make_shared<std::string>();
  auto protection = std::make_shared<std::string>("on");
  command->add_option("--variant", *variant)->required();
  command->add_option("--protection", *protection)->check(CLI::IsMember({"on", "off"}));
  command->callback([variant, protection] {
    for (const lab::unsafe_info& info : lab::unsafe_variants()) {
      if (*variant != info.id) continue;
      lab::be_child(info.which, *protection == "on");
    }
    throw usage_error("unknown variant " + *variant);
  });
}

struct output {
  bool json = false;
  std::string html;
};

void run(const lab::settings& s, const output& to) {
  if (!to.html.empty()) expect_writable(to.html, "--html");  // before minutes of measuring
  lab::findings f = lab::measure(s);
  if (!to.html.empty()) lab::write_page(f, to.html, "--html");
  to.json ? lab::print_json(f) : lab::print_tables(f);
  exit_status = f.good() ? 0 : 1;
}

}  // namespace

void add_lab(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("lab", "Tear down and unload real modules by every approach, and wrongly");
  auto s = std::make_shared<lab::settings>();
  auto to = std::make_shared<output>();
  command
      ->add_option("--input", s->inputs,
                   "IP-to-country ranges (repeatable); default: those of tor-geoipdb")
      ->allow_extra_args(false);
  command
      ->add_option("--approach", s->only,
                   "Only this approach, question or unsafe variant (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--rounds", s->rounds, "Modules torn down per approach")
      ->check(CLI::Range(1u, 100000u))
      ->capture_default_str();
  command->add_option("--seconds", s->seconds, "Load before each teardown")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_flag("--json", to->json, "Print JSON, alone on standard output");
  command->add_option("--html", to->html, "Write one page with plots to this file");
  command->footer("Approaches, unsafe variants and questions: " + lab::known_ids() +
                  "\nExit status: 0 every promise was kept and every mistake caught, 1 not, 2 bad "
                  "options or input");
  command->callback([s, to] { run(*s, *to); });
  add_child(app);
}

}  // namespace graceslab::tool
