// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tables of a page. Where they are wider than the screen, they scroll by themselves.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace graceslab::tool::page {

using cells = std::vector<std::string>;  // markup

// `kinds` has a letter for each column: `t` text, `n` number.
std::string table(std::string_view kinds, const cells& head, const std::vector<cells>& rows);

}  // namespace graceslab::tool::page
