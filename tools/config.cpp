// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab config`: every setting with its value, its default and what it means.
#include <fmt/core.h>
#include <graceslab/detail/abi.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "commands.hpp"
#include "settings_list.hpp"

namespace graceslab::tool {
namespace {

std::string_view text(const char* s) { return s != nullptr ? s : ""; }

void print_json(const std::vector<gs_config_item>& all) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const gs_config_item& item : all)
    rows.push_back({{"variable", text(item.variable)},
                    {"value", text(item.value)},
                    {"default", text(item.fallback)},
                    {"legal", text(item.legal)},
                    {"meaning", text(item.meaning)}});
  nlohmann::ordered_json root = {{"version", gs_version()}, {"settings", std::move(rows)}};
  fmt::print("{}\n", root.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

// A setting that differs from its default is marked, so that the eye finds it.
void print_table(const std::vector<gs_config_item>& all) {
  std::size_t name = 8, value = 5, fallback = 7, legal = 5;
  for (const gs_config_item& item : all) {
    name = std::max(name, text(item.variable).size());
    value = std::max(value, text(item.value).size());
    fallback = std::max(fallback, text(item.fallback).size());
    legal = std::max(legal, text(item.legal).size());
  }
  fmt::print("  {:<{}}  {:<{}}  {:<{}}  {:<{}}  {}\n", "variable", name, "value", value, "default",
             fallback, "legal", legal, "meaning");
  for (const gs_config_item& item : all)
    fmt::print("{} {:<{}}  {:<{}}  {:<{}}  {:<{}}  {}\n",
               text(item.value) == text(item.fallback) ? ' ' : '*', text(item.variable), name,
               text(item.value), value, text(item.fallback), fallback, text(item.legal), legal,
               text(item.meaning));
  fmt::print(
      "\nSet them in the environment before the program starts. * differs from the default.\n");
}

// A cell of a table of Markdown.
std::string cell(const char* s) {
  std::string out;
  for (const char c : text(s)) out.append(c == '|' ? "\\|" : std::string(1, c));
  return out;
}

// What docs/guide/settings.md shows: nothing of this process.
void print_markdown(const std::vector<gs_config_item>& all) {
  fmt::print("| variable | default | legal | meaning |\n| --- | --- | --- | --- |\n");
  for (const gs_config_item& item : all)
    fmt::print("| `{}` | `{}` | {} | {} |\n", text(item.variable), text(item.fallback),
               cell(item.legal), cell(item.meaning));
}

}  // namespace

void add_config(CLI::App& app) {
  CLI::App* command = app.add_subcommand("config", "Print every setting: value, default, meaning");
  auto json = std::make_shared<bool>(false);
  auto markdown = std::make_shared<bool>(false);
  auto* as_json = command->add_flag("--json", *json, "Print JSON, alone on standard output");
  command->add_flag("--markdown", *markdown, "Print the table of docs/guide/settings.md")
      ->excludes(as_json);
  command->callback([json, markdown] {
    if (*json)
      print_json(settings_list());
    else if (*markdown)
      print_markdown(settings_list());
    else
      print_table(settings_list());
  });
}

}  // namespace graceslab::tool
