// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One page that needs nothing else: no script, no font, no picture from elsewhere.
#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "../../commands.hpp"
#include "sections.hpp"

namespace graceslab::tool::bench {

// It keeps what the file holds.
void expect_writable(const std::string& file) {
  errno = 0;
  std::ofstream page(file, std::ios::app);
  if (!page)
    throw usage_error(fmt::format("--html: cannot write '{}': {}", file, std::strerror(errno)));
}

void write_html(const outcome& o, const std::string& file) {
  std::ofstream page(file, std::ios::binary | std::ios::trunc);
  page << "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
          "<title>graceslab bench</title><style>"
       << html::style << "</style></head><body>\n"
       << html::head_of_page(o) << "\n<main>" << html::targets(o) << "\n"
       << html::groups(o) << "</main>\n</body></html>\n";
  if (!page.flush()) throw std::runtime_error("cannot write " + file);
}

}  // namespace graceslab::tool::bench
