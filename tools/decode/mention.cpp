// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "decode/mention.hpp"

#include <charconv>

namespace graceslab::tool::decode {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

std::size_t end_of_hex(std::string_view text, std::size_t from) {
  const std::size_t end = text.find_first_not_of(hex_digits, from);
  return end == std::string_view::npos ? text.size() : end;
}

// "?" or "function+0x12".
bool is_name(std::string_view word) {
  const std::size_t plus = word.rfind("+0x");
  if (plus == std::string_view::npos) return word == "?";
  return plus != 0 && plus + 3 < word.size() && end_of_hex(word, plus + 3) == word.size();
}

// What follows "(module", from the "+0x" on.
bool parse_offset(std::string_view line, std::size_t plus, mention* m) {
  const std::size_t first = plus + 3, last = end_of_hex(line, first);
  const auto [stop, error] =
      std::from_chars(line.data() + first, line.data() + last, m->offset, 16);
  if (error != std::errc{} || stop != line.data() + last) return false;
  std::size_t close = last;
  if (close < line.size() && line[close] == ' ') {
    close = end_of_hex(line, last + 1);
    m->build_id = line.substr(last + 1, close - last - 1);
    if (m->build_id.empty() || m->build_id.size() % 2 != 0) return false;
  }
  if (close >= line.size() || line[close] != ')') return false;
  m->end = close + 1;
  return true;
}

}  // namespace

std::optional<mention> find_mention(std::string_view line, std::size_t from) {
  for (std::size_t open = line.find(" (", from); open != std::string_view::npos;
       open = line.find(" (", open + 1)) {
    mention m;
    const std::size_t before = open == 0 ? std::string_view::npos : line.rfind(' ', open - 1);
    m.begin = before == std::string_view::npos ? 0 : before + 1;
    if (m.begin < from) m.begin = from;
    m.name = line.substr(m.begin, open - m.begin);
    if (!is_name(m.name)) continue;
    const std::size_t close = line.find(')', open);
    // A module's name may have a '+' or a parenthesis in it: the last offset that ends well counts.
    for (std::size_t plus = line.find("+0x", open); plus != std::string_view::npos && plus < close;
         plus = line.find("+0x", plus + 1)) {
      if (!parse_offset(line, plus, &m)) continue;
      m.module = line.substr(open + 2, plus - open - 2);
      m.where = line.substr(open + 1, m.end - open - 1);
      return m;
    }
  }
  return std::nullopt;
}

}  // namespace graceslab::tool::decode
