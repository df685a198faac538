// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "shell.hpp"

#include <fmt/core.h>

#include "style.hpp"
#include "text.hpp"

namespace graceslab::tool::page {

std::string whole(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>{}</title><style>{}</style></head><body>\n{}\n</body></html>\n",
      escape(title), style, body);
}

std::string fact(std::string_view name, std::string_view markup) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), markup);
}

std::string navigation(std::string_view label,
                       const std::vector<std::pair<std::string, std::string>>& places) {
  std::string text = fmt::format("<nav aria-label=\"{}\">", escape(label));
  for (const auto& [id, name] : places)
    text += fmt::format("<a href=\"#{}\">{}</a>", id, escape(name));
  return text + "</nav>";
}

}  // namespace graceslab::tool::page
