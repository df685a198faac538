// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text.hpp"

#include <fmt/core.h>

#include <cmath>

namespace graceslab::tool::page {
namespace {

constexpr const char* replacement = "\xef\xbf\xbd";
constexpr const char* narrow_space = "\xe2\x80\xaf";

bool continues(unsigned char c) { return (c & 0xc0) == 0x80; }

// How many bytes the character at the beginning has; 0: it is none.
std::size_t utf8_bytes(std::string_view text) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = at(0);
  if (first < 0x80) return first >= 0x20 || first == '\n' || first == '\t' ? 1 : 0;
  std::size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < n) return 0;
  for (std::size_t i = 1; i != n; ++i)
    if (!continues(at(i))) return 0;
  bool overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
  bool beyond = (first == 0xed && at(1) >= 0xa0) || (first == 0xf4 && at(1) >= 0x90);
  return overlong || beyond ? 0 : n;
}

void append_escaped(std::string& into, std::string_view character) {
  switch (character[0]) {
    case '&':
      into += "&amp;";
      break;
    case '<':
      into += "&lt;";
      break;
    case '>':
      into += "&gt;";
      break;
    case '"':
      into += "&quot;";
      break;
    case '\'':
      into += "&#39;";
      break;
    default:
      into += character;
  }
}

std::string with_thousands(const std::string& digits) {
  std::string all;
  for (std::size_t i = 0; i != digits.size(); ++i) {
    bool apart = i != 0 && digits[i - 1] != '-' && (digits.size() - i) % 3 == 0;
    if (apart && digits.size() > 4) all += narrow_space;
    all += digits[i];
  }
  return all;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string all;
  while (!text.empty()) {
    std::size_t n = utf8_bytes(text);
    if (n == 0)
      all += replacement;
    else
      append_escaped(all, text.substr(0, n));
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return all;
}

std::string number(double value) {
  if (!std::isfinite(value)) return "\xe2\x80\x93";
  if (std::abs(value) >= 1000 && std::abs(value) < 1e15)
    return with_thousands(fmt::format("{:.0f}", value));
  return fmt::format("{:.3g}", value);
}

std::string with_unit(double value, std::string_view unit) {
  std::string text = number(value);
  if (!unit.empty()) text += "\xc2\xa0" + std::string(unit);
  return text;
}

}  // namespace graceslab::tool::page
