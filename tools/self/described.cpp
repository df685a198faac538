// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "self/described.hpp"

#include <CLI/CLI.hpp>

namespace graceslab::tool {
namespace {

// "{a,b}" of a legal set, as its words.
std::vector<std::string> words_of_set(const std::string& legal) {
  std::vector<std::string> words;
  if (legal.size() < 2 || legal.front() != '{' || legal.back() != '}') return words;
  std::string word;
  for (char c : legal.substr(1)) {
    if (c != ',' && c != '}') {
      word += c;
      continue;
    }
    words.push_back(word);
    word.clear();
  }
  return words;
}

option_text describe(const CLI::Option& o) {
  option_text t;
  for (const std::string& name : o.get_snames()) t.names.push_back("-" + name);
  for (const std::string& name : o.get_lnames()) t.names.push_back("--" + name);
  if (t.names.empty()) t.names.push_back(o.get_name(true));
  t.takes_value = o.get_items_expected_max() != 0;
  if (t.takes_value) {
    const std::string type = o.get_type_name();  // KIND:LEGAL
    const std::size_t colon = type.find(':');
    t.value = type.substr(0, colon);
    if (colon != std::string::npos) t.legal = type.substr(colon + 1);
    t.values = words_of_set(t.legal);
    t.fallback = o.get_default_str();
  }
  t.meaning = o.get_description();
  return t;
}

command_text describe_one(const CLI::App& app) {
  command_text t{app.get_name(), app.get_description(), app.get_footer(), {}};
  for (const CLI::Option* o : app.get_options())
    if (!o->get_group().empty()) t.options.push_back(describe(*o));
  return t;
}

}  // namespace

program_text describe(const CLI::App& app) {
  program_text all{describe_one(app), {}};
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_group().empty()) all.commands.push_back(describe_one(*command));
  return all;
}

const command_text* find_command(const program_text& all, const std::string& name) {
  for (const command_text& c : all.commands)
    if (c.name == name) return &c;
  return nullptr;
}

}  // namespace graceslab::tool
