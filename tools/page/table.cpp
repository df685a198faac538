// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "table.hpp"

#include <fmt/core.h>

namespace graceslab::tool::page {
namespace {

std::string row(const char* element, std::string_view kinds, const cells& all) {
  std::string text = "<tr>";
  for (std::size_t i = 0; i != all.size(); ++i)
    text +=
        fmt::format("<{0}{1}>{2}</{0}>", element, kinds[i] == 'n' ? " class=\"n\"" : "", all[i]);
  return text + "</tr>";
}

}  // namespace

std::string table(std::string_view kinds, const cells& head, const std::vector<cells>& rows) {
  std::string text =
      "<div class=\"scroll\"><table><thead>" + row("th", kinds, head) + "</thead><tbody>";
  for (const cells& each : rows) text += row("td", kinds, each);
  return text + "</tbody></table></div>";
}

}  // namespace graceslab::tool::page
