// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab man`: the manual page of the tool, or of one of its sub-commands, for man(1).
#include <fmt/core.h>
#include <graceslab/detail/abi.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "commands.hpp"
#include "self/described.hpp"
#include "settings_list.hpp"

namespace graceslab::tool {
namespace {

// Text in which man(1) sees no commands of its own.
std::string plain(const std::string& text) {
  std::string out;
  for (char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string bold(const std::string& text) { return "\\fB" + plain(text) + "\\fR"; }
std::string slanted(const std::string& text) { return "\\fI" + plain(text) + "\\fR"; }

void print_title(const std::string& page) {
  std::string upper;
  for (char c : page) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  fmt::print(".TH {} 1 \"\" \"graceslab {}\" \"User Commands\"\n", plain(upper), gs_version());
}

void print_option(const option_text& o) {
  fmt::print(".TP\n");
  for (std::size_t i = 0; i != o.names.size(); ++i)
    fmt::print("{}{}", i != 0 ? ", " : "", bold(o.names[i]));
  if (o.takes_value) fmt::print(" {}", slanted(o.value));
  fmt::print("\n{}", plain(o.meaning));
  if (!o.legal.empty()) fmt::print(" ({})", plain(o.legal));
  if (!o.fallback.empty()) fmt::print(" [{}]", plain(o.fallback));
  fmt::print("\n");
}

void print_options(const command_text& c) {
  if (c.options.empty()) return;
  fmt::print(".SH OPTIONS\n");
  for (const option_text& o : c.options) print_option(o);
}

void print_notes(const command_text& c) {
  if (c.notes.empty()) return;
  fmt::print(".SH NOTES\n.nf\n{}\n.fi\n", plain(c.notes));
}

void print_exit_status() {
  fmt::print(
      ".SH EXIT STATUS\n.TP\n0\nsuccess\n.TP\n1\na promise was broken\n.TP\n2\nbad options or "
      "input: one line on standard error says which\n");
}

void print_program(const program_text& all) {
  print_title("graceslab");
  fmt::print(".SH NAME\ngraceslab \\- {}\n.SH SYNOPSIS\n{} {} [{}]\n", plain(all.program.meaning),
             bold("graceslab"), slanted("COMMAND"), slanted("OPTIONS"));
  fmt::print(".SH COMMANDS\n");
  for (const command_text& c : all.commands)
    fmt::print(".TP\n{}\n{}\n", bold(c.name), plain(c.meaning));
  print_options(all.program);
  fmt::print(
      ".SH ENVIRONMENT\nSettings of every program that uses the library, read at its start.\n");
  for (const gs_config_item& item : settings_list())
    fmt::print(".TP\n{}={}\n{} [{}]\n", bold(item.variable), slanted(item.legal),
               plain(item.meaning), plain(item.fallback));
  print_exit_status();
  fmt::print(".SH SEE ALSO\n");
  for (std::size_t i = 0; i != all.commands.size(); ++i)
    fmt::print("{}(1){}\n", bold("graceslab-" + all.commands[i].name),
               i + 1 != all.commands.size() ? "," : "");
}

void print_command(const command_text& c) {
  print_title("graceslab-" + c.name);
  fmt::print(".SH NAME\ngraceslab\\-{} \\- {}\n.SH SYNOPSIS\n{} {}", plain(c.name),
             plain(c.meaning), bold("graceslab"), bold(c.name));
  for (const option_text& o : c.options)
    if (o.names.front().front() != '-') fmt::print(" [{}]", slanted(o.names.front()));
  fmt::print(" [{}]\n", slanted("OPTIONS"));
  print_options(c);
  print_notes(c);
  print_exit_status();
  fmt::print(".SH SEE ALSO\n{}(1)\n", bold("graceslab"));
}

}  // namespace

void add_manual(CLI::App& app) {
  CLI::App* command = app.add_subcommand("man", "Print a manual page, as man(1) reads it");
  auto name = std::make_shared<std::string>();
  command->add_option("COMMAND", *name, "Of this sub-command; without: of the whole tool");
  command->footer("graceslab man lab | man -l -");
  command->callback([&app, name] {
    const program_text all = describe(app);
    if (name->empty()) return print_program(all);
    const command_text* c = find_command(all, *name);
    if (c == nullptr) throw usage_error("no sub-command is called " + *name);
    print_command(*c);
  });
}

}  // namespace graceslab::tool
