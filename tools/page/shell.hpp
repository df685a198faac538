// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What every page has in common. A page needs nothing else: no script, no font, no picture from
// elsewhere.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graceslab::tool::page {

// `body` is markup, `title` is text.
std::string whole(std::string_view title, std::string_view body);

// One term and its description, in a list of class `facts`. `markup` may have elements.
std::string fact(std::string_view name, std::string_view markup);

// Links to places of the page: id and text.
std::string navigation(std::string_view label,
                       const std::vector<std::pair<std::string, std::string>>& places);

}  // namespace graceslab::tool::page
