// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Text of the page: escaped, and numbers as people read them.
#pragma once
#include <string>
#include <string_view>

namespace graceslab::tool::page {

// For element content and quoted attributes. What is no UTF-8 or no character becomes U+FFFD.
std::string escape(std::string_view text);
// Three digits; thousands apart by narrow spaces; a dash for what is no number.
std::string number(double value);
std::string with_unit(double value, std::string_view unit);

}  // namespace graceslab::tool::page
