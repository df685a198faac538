// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab lab`: the paper as an experiment on real input. Here its command line.
#include <CLI/CLI.hpp>
#include <memory>

#include "../commands.hpp"
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

}  // namespace

void add_lab(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("lab", "Tear down and unload real modules by every approach, and wrongly");
  auto s = std::make_shared<lab::settings>();
  command
      ->add_option("--input", s->inputs,
                   "IP-to-country ranges (repeatable); default: those of tor-geoipdb")
      ->allow_extra_args(false);
  command
      ->add_option("--approach", s->only,
                   "Only this approach, unsafe variant or many_caches (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--rounds", s->rounds, "Modules torn down per approach")
      ->check(CLI::Range(1u, 100000u))
      ->capture_default_str();
  command->add_option("--seconds", s->seconds, "Load before each teardown")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_flag("--json", s->json, "Print JSON, alone on standard output");
  command->footer("Approaches: " + lab::known_ids() +
                  "\nExit status: 0 every promise was kept and every mistake caught, 1 not, 2 bad "
                  "options or input");
  command->callback([s] { lab::run(*s); });
  add_child(app);
}

}  // namespace graceslab::tool
