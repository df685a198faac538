// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All approaches beside each other: one plot of times, one table.
#include <fmt/core.h>

#include <algorithm>

#include "../../page/charts.hpp"
#include "../../page/table.hpp"
#include "../../page/text.hpp"
#include "parts.hpp"
#include "prose.hpp"

namespace graceslab::lab::html {
namespace {

using tool::page::bar;
using tool::page::escape;
using tool::page::number;

const char* colour_of(const approach_info& info) { return info.waits ? "ours o0" : "ours o1"; }

struct row {
  const approach_info* info;
  percentiles times;
};

std::string plot(const std::string& title, const std::vector<row>& rows) {
  double longest = 0;
  for (const row& r : rows) longest = std::max(longest, r.times.p50);
  unit in = unit_for(longest);
  std::vector<bar> all;
  for (const row& r : rows) {
    std::string name = fmt::format("{} {}", r.info->paper, r.info->id);
    double median = r.times.p50 / in.us;
    all.push_back({name, colour_of(*r.info), false, median, median, r.times.most / in.us,
                   fmt::format("{}: {}", name, percentiles_text(r.times))});
  }
  return card(title, bars(title, in.name, all, "Not measured in this run."));
}

std::string plots(const findings& f) {
  std::vector<row> held, home, small, parked;
  for (const approach_result& r : f.approaches) {
    held.push_back({r.info, r.destroy_us});
    home.push_back({r.info, r.home_us});
  }
  if (f.small)
    for (const small_row& r : f.small->rows) {
      small.push_back({r.info, r.destroy_us});
      parked.push_back({r.info, r.parked_us});
    }
  std::string text = "<div class=\"grid four\">" +
                     plot("Destroy held its caller: whole modules", held) +
                     plot("From the exit function to the last page home", home);
  if (f.small) {
    text += plot(fmt::format("Destroy held its caller: small caches, {} objects", f.small->objects),
                 small);
    text +=
        plot(fmt::format("The same while a reader stays for {} ms", f.small->parked_ms), parked);
  }
  return text +
         "</div><p class=\"note\">Bars are medians, whiskers reach to the worst. "
         "<span class=\"swatch o0\"></span> the caller waits for the objects; "
         "<span class=\"swatch o1\"></span> the cache lingers.</p>";
}

std::string row_verdict(const approach_result& r) {
  return r.kept() ? "<span class=\"tag stretch\">kept</span>"
                  : "<span class=\"tag missed\">FAILED</span>";
}

std::string approach_table(const findings& f) {
  std::vector<tool::page::cells> rows;
  for (const approach_info& info : approaches()) {
    const approach_result* r = result_of(f, info.which);
    const small_row* s = small_of(f, info.which);
    if (r == nullptr && s == nullptr) continue;
    tool::page::cells all = {link_to(info) + " " + escape(info.id)};
    if (r != nullptr) {
      double periods = static_cast<double>(r->grace_periods) / std::max(1u, r->rounds);
      for (std::string cell : {time_text(r->destroy_us.p50), time_text(r->destroy_us.p99),
                               time_text(r->home_us.p50), fmt::format("{:.1f}", periods)})
        all.push_back(std::move(cell));
    }
    all.resize(5);
    all.push_back(s != nullptr ? time_text(s->destroy_us.p50) : "");
    all.push_back(s != nullptr ? time_text(s->destroy_us.p99) : "");
    all.push_back(s != nullptr ? time_text(s->parked_us.p50) : "");
    all.push_back(r != nullptr ? row_verdict(*r) : "");
    rows.push_back(std::move(all));
  }
  if (rows.empty()) return {};
  return tool::page::table(
      "tnnnnnnnt",
      {"approach", "module: held<br>median", "<br>99th", "home<br>median", "grace<br>periods",
       "small: held<br>median", "<br>99th", "reader parked<br>median", "promise"},
      rows);
}

}  // namespace

std::string overview(const findings& f) {
  std::string text =
      "<p>A module is loaded, builds a table of objects, and is used by readers and updaters; then "
      "it gives up the whole table, ends its cache by the approach, and is unloaded. How long that "
      "end holds its caller is one price. Memory that comes home later, or waits for strangers, is "
      "the other. The time of a whole module has the pages in it that are free already and go back "
      "to the system; that of a small cache is the wait alone, or nearly.</p>";
  text += plots(f);
  std::string all = approach_table(f);
  if (!all.empty()) text += "<div class=\"card wide\">" + all + "</div>";
  return section("overview", "At a glance", text);
}

}  // namespace graceslab::lab::html
