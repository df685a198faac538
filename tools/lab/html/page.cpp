// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The laboratory's page: the paper's approaches one by one, each with what this run measured.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "../../page/shell.hpp"
#include "../../page/text.hpp"
#include "../../replaced_file.hpp"
#include "parts.hpp"

namespace graceslab::lab {
namespace html {
namespace {

using tool::page::escape;
using tool::page::fact;
using tool::page::number;

const char* const lead =
    "A cache has RCU-protected objects that were given up and still wait for a grace period. When "
    "may it be destroyed, or the code unloaded that it belongs to? \xe2\x80\x9cWaiting for "
    "kfree_rcu()\xe2\x80\x9d lists ten answers. Here all ten are run side by side: what each is, "
    "what speaks for it, and what it costs, as measured in one run.";

const char* const scope =
    "The figures are of graceslab, a library for user space that has all of the approaches under "
    "the "
    "kernel's names. They are not the kernel's. What carries over is who waits for whom, and what "
    "grows with what.";

std::string table_fact(const findings& f) {
  std::string files;
  for (const input_file& file : f.table.files) files += (files.empty() ? "" : ", ") + file.path;
  return fmt::format("{} address ranges of {}", number(static_cast<double>(f.table.ranges)),
                     escape(files));
}

}  // namespace

std::string head_of_page(const findings& f) {
  bool good = f.good();
  return "<header id=\"lab\"><h1>" + std::string(page_title) + "</h1><p class=\"lead\">" + lead +
         "</p><p class=\"lead\">" + scope + "</p><dl class=\"facts card\">" +
         fact("Verdict",
              fmt::format("<span class=\"tag {}\">{}</span>", good ? "stretch" : "missed",
                          good ? "promises kept, mistakes caught" : "FAILED")) +
         facts_of(f.where) + fact("Took", fmt::format("{:.0f} s", f.seconds)) +
         fact("Rounds", fmt::format("{} modules for each approach, each {} s under load",
                                    f.work.rounds, number(f.work.seconds))) +
         fact("Load", fmt::format("{} reader threads, {} updaters", f.readers, f.updaters)) +
         fact("Table", table_fact(f)) + "</dl></header>\n";
}

}  // namespace html

std::string html_of(const findings& f) {
  using namespace html;
  std::vector<std::pair<std::string, std::string>> places = {{"overview", "At a glance"}};
  for (const approach_info& info : approaches())
    places.emplace_back(std::string("approach-") + info.id, info.paper);
  for (const auto& [id, name] :
       std::initializer_list<std::pair<const char*, const char*>>{{"many-caches", "Many caches"},
                                                                  {"one-of-many", "One of many"},
                                                                  {"parked-reader", "Memory"},
                                                                  {"chains", "Chains"},
                                                                  {"innocents", "Bystanders"},
                                                                  {"unsafe", "Mistakes"},
                                                                  {"advice", "Which when"},
                                                                  {"method", "Method"}})
    places.emplace_back(id, name);
  return head_of_page(f) + tool::page::navigation("Sections", places) + "\n<main>" + overview(f) +
         approach_by_approach(f) + many_caches(f) + one_of_many(f) + parked_memory(f) +
         chains_of_callbacks(f) + bystanders(f) + mistakes(f) + advice(f) + method(f) + "</main>";
}

void write_page(const findings& f, const std::string& file, std::string_view option) {
  nlohmann::ordered_json told = json_of(f);
  std::string body = html_of(findings_of(tool::fields(told)));
  tool::replace_file(file, option, tool::page::whole(page_title, body));
}

}  // namespace graceslab::lab
