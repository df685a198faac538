// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One line of an IP-to-country file.
#pragma once
#include <string>
#include <string_view>

#include "module/abi.hpp"

namespace graceslab::lab {

struct parsed_line {
  enum class kind { nothing, ipv4, ipv6, malformed };
  kind what;
  range value;             // ipv4, ipv6
  const char* expected;    // malformed: what should have stood there ...
  std::string_view found;  // ... and what did
};

parsed_line parse_line(std::string_view line);

// FIRST,LAST,COUNTRY again.
std::string text_of(const range& r);

}  // namespace graceslab::lab
