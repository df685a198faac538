// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab completion SHELL`: what the shell needs to complete the tool's command line.
#include <fmt/core.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "commands.hpp"
#include "self/described.hpp"

namespace graceslab::tool {
namespace {

bool is_flagged(const option_text& o) { return o.names.front().front() == '-'; }

std::string flags_of(const command_text& c) {
  std::string all;
  for (const option_text& o : c.options)
    if (is_flagged(o))
      for (const std::string& name : o.names) all += (all.empty() ? "" : " ") + name;
  return all;
}

std::string names_of(const program_text& all, const char* between) {
  std::string names;
  for (const command_text& c : all.commands) names += (names.empty() ? "" : between) + c.name;
  return names;
}

// What may stand at an argument's place: the command's own sets, for they are short.
std::string places_of(const command_text& c) {
  std::string words;
  for (const option_text& o : c.options)
    if (!is_flagged(o))
      for (const std::string& v : o.values) words += " " + v;
  return words;
}

// Inside '...' of a shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// A value of an option without a set is completed as a file.
void print_bash(const program_text& all) {
  fmt::print(
      "# bash completion for graceslab\n"
      "_graceslab() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  local command='' word words=''\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case $word in {}) command=$word; break ;; esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  case \"$command $before\" in\n",
      names_of(all, "|"));
  for (const command_text& c : all.commands)
    for (const option_text& o : c.options) {
      if (!is_flagged(o) || !o.takes_value) continue;
      for (const std::string& name : o.names)
        fmt::print("    {}) words='{}' ;;\n", quoted(c.name + " " + name),
                   o.values.empty() ? "" : fmt::format("{}", fmt::join(o.values, " ")));
    }
  fmt::print(
      "    *)\n"
      "      case $command in\n"
      "        '') words='{} {}' ;;\n",
      names_of(all, " "), flags_of(all.program));
  for (const command_text& c : all.commands)
    fmt::print("        {}) words='{}{}' ;;\n", c.name, flags_of(c), places_of(c));
  fmt::print(
      "      esac ;;\n"
      "  esac\n"
      "  [ -z \"$words\" ] || mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "}}\n"
      "complete -o default -F _graceslab graceslab\n");
}

void print_zsh_options(const command_text& c) {
  for (const option_text& o : c.options) {
    std::string meaning;
    for (char letter : o.meaning)
      if (letter != '[' && letter != ']' && letter != ':') meaning += letter;
    const std::string action =
        o.values.empty() ? "_files" : fmt::format("({})", fmt::join(o.values, " "));
    if (!is_flagged(o)) {
      fmt::print("        {} \\\n", quoted(fmt::format(":{}:{}", o.names.front(), action)));
      continue;
    }
    for (const std::string& name : o.names)
      fmt::print("        {} \\\n",
                 quoted(o.takes_value ? fmt::format("{}[{}]:{}:{}", name, meaning, o.value, action)
                                      : fmt::format("{}[{}]", name, meaning)));
  }
}

void print_zsh(const program_text& all) {
  fmt::print(
      "#compdef graceslab\n"
      "_graceslab() {{\n"
      "  local state line\n"
      "  local -a commands\n"
      "  commands=(\n");
  for (const command_text& c : all.commands)
    fmt::print("    {}\n", quoted(c.name + ":" + c.meaning));
  fmt::print(
      "  )\n"
      "  _arguments -C \\\n");
  print_zsh_options(all.program);
  fmt::print(
      "        '1: :->command' '*:: :->rest'\n"
      "  case $state in\n"
      "    command) _describe command commands ;;\n"
      "    rest) case $line[1] in\n");
  for (const command_text& c : all.commands) {
    fmt::print("      {}) _arguments \\\n", c.name);
    print_zsh_options(c);
    fmt::print("        ;;\n");
  }
  fmt::print(
      "    esac ;;\n"
      "  esac\n"
      "}}\n"
      "_graceslab \"$@\"\n");
}

void print_fish_option(const option_text& o, const std::string& condition) {
  if (!is_flagged(o)) {
    if (!o.values.empty())
      fmt::print("complete -c graceslab -n {} -a {} -d {}\n", quoted(condition),
                 quoted(fmt::format("{}", fmt::join(o.values, " "))), quoted(o.meaning));
    return;
  }
  fmt::print("complete -c graceslab -n {}", quoted(condition));
  for (const std::string& name : o.names)
    fmt::print(" {} {}", name.starts_with("--") ? "-l" : "-s",
               name.substr(name.starts_with("--") ? 2 : 1));
  if (o.takes_value) fmt::print(" -r");
  if (!o.values.empty())
    fmt::print(" -f -a {}", quoted(fmt::format("{}", fmt::join(o.values, " "))));
  fmt::print(" -d {}\n", quoted(o.meaning));
}

void print_fish(const program_text& all) {
  fmt::print("# fish completion for graceslab\n");
  for (const command_text& c : all.commands)
    fmt::print("complete -c graceslab -f -n __fish_use_subcommand -a {} -d {}\n", c.name,
               quoted(c.meaning));
  for (const option_text& o : all.program.options) print_fish_option(o, "__fish_use_subcommand");
  for (const command_text& c : all.commands)
    for (const option_text& o : c.options)
      print_fish_option(o, "__fish_seen_subcommand_from " + c.name);
}

}  // namespace

void add_completion(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("completion", "Print what a shell needs to complete this command line");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "Which shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer("source <(graceslab completion bash)");
  command->callback([&app, shell] {
    const program_text all = describe(app);
    *shell == "bash" ? print_bash(all) : *shell == "zsh" ? print_zsh(all) : print_fish(all);
  });
}

}  // namespace graceslab::tool
