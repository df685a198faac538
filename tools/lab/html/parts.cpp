// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "parts.hpp"

#include <fmt/core.h>

#include <cmath>

#include "../../page/text.hpp"

namespace graceslab::lab::html {

using tool::page::escape;
using tool::page::with_unit;

std::string section(const std::string& id, const std::string& title, const std::string& markup) {
  return fmt::format("<section id=\"{}\"><h2>{}</h2>{}</section>\n", id, escape(title), markup);
}

std::string paragraph(const std::string& text) { return "<p>" + escape(text) + "</p>"; }

std::string card(const std::string& title, const std::string& markup) {
  return fmt::format("<article class=\"card\"><h3>{}</h3>{}</article>", escape(title), markup);
}

std::string problems_of(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& p : problems)
    text += "<p class=\"note warn\">FAILED: " + escape(p) + "</p>";
  return text;
}

double ms(double us) { return us / 1000; }

unit unit_for(double longest_us) {
  return longest_us < 1000 ? unit{1, "\xc2\xb5s"} : unit{1000, "ms"};
}

std::string time_text(double us) {
  if (us >= 1e6) return with_unit(us / 1e6, "s");
  if (us >= 1e3) return with_unit(us / 1e3, "ms");
  return with_unit(us, "\xc2\xb5s");
}

std::string bytes_text(std::uint64_t bytes) {
  double b = static_cast<double>(bytes);
  if (b >= 1e6) return with_unit(b / 1e6, "MB");
  return b >= 1e3 ? with_unit(b / 1e3, "kB") : with_unit(b, "bytes");
}

std::string percentiles_text(const percentiles& p) {
  return fmt::format("{} (90th percentile {}, 99th {}, worst {})", time_text(p.p50),
                     time_text(p.p90), time_text(p.p99), time_text(p.most));
}

std::string link_to(const approach_info& info) {
  return fmt::format("<a href=\"#approach-{}\">{}</a>", info.id, info.paper);
}

const approach_result* result_of(const findings& f, approach which) {
  for (const approach_result& r : f.approaches)
    if (r.info->which == which) return &r;
  return nullptr;
}

const small_row* small_of(const findings& f, approach which) {
  if (!f.small) return nullptr;
  for (const small_row& r : f.small->rows)
    if (r.info->which == which) return &r;
  return nullptr;
}

}  // namespace graceslab::lab::html
