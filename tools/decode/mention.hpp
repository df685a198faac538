// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Places as reports write them: "function+0x12 (module+0x3456 0123456789abcdef)", "?" without a
// name, and no number where the module has no build-id.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace graceslab::tool::decode {

struct mention {
  std::size_t begin = 0, end = 0;  // of all of it, in its line
  std::string_view name;           // with its offset, or "?"
  std::string_view where;          // with its parentheses
  std::string_view module;
  std::uint64_t offset = 0;
  std::string_view build_id;

  // Of a function by its beginning; all others are where a call returns to.
  bool is_start() const { return name.size() > 4 && name.ends_with("+0x0"); }
};

// The first one at or after `from`.
std::optional<mention> find_mention(std::string_view line, std::size_t from);

}  // namespace graceslab::tool::decode
