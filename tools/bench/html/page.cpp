// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The bench's part of a page.
#include "sections.hpp"

namespace graceslab::tool::bench {

std::string html_of(const outcome& o) {
  return html::head_of_page(o) + "\n<main>" + html::targets(o) + "\n" + html::groups(o) + "</main>";
}

}  // namespace graceslab::tool::bench
