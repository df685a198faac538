// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Parsing one line of an IP-to-country file.
#include "line.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace graceslab::lab {
namespace {

constexpr std::uint64_t mapped_ipv4 = std::uint64_t{0xffff} << 32;  // ::ffff:0:0

parsed_line malformed(const char* expected, std::string_view found) {
  return {parsed_line::kind::malformed, {}, expected, found};
}

bool parse_ipv4(std::string_view text, address& out) {
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  out = {0, mapped_ipv4 | value};
  return true;
}

bool parse_ipv6(std::string_view text, address& out) {
  char buffer[INET6_ADDRSTRLEN];
  unsigned char bytes[16];
  if (text.empty() || text.size() >= sizeof buffer || text.find('\0') != text.npos) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  if (inet_pton(AF_INET6, buffer, bytes) != 1) return false;
  out = {0, 0};
  for (int i = 0; i < 8; ++i) out.high = out.high << 8 | bytes[i];
  for (int i = 8; i < 16; ++i) out.low = out.low << 8 | bytes[i];
  return true;
}

std::string text_of(address a) {
  if (a.high == 0 && a.low >> 32 == mapped_ipv4 >> 32) return std::to_string(a.low & 0xffffffffu);
  unsigned char bytes[16];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(a.high >> (56 - 8 * i));
  for (int i = 0; i < 8; ++i) bytes[8 + i] = static_cast<unsigned char>(a.low >> (56 - 8 * i));
  char buffer[INET6_ADDRSTRLEN];
  const char* text = inet_ntop(AF_INET6, bytes, buffer, sizeof buffer);
  return text != nullptr ? text : "?";
}

bool country_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '?';
}

}  // namespace

parsed_line parse_line(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty() || line.front() == '#') return {parsed_line::kind::nothing, {}, nullptr, {}};
  std::size_t first_comma = line.find(',');
  std::size_t second_comma = first_comma == line.npos ? line.npos : line.find(',', first_comma + 1);
  if (second_comma == line.npos) return malformed("FIRST,LAST,COUNTRY", line);

  std::string_view first = line.substr(0, first_comma);
  std::string_view last = line.substr(first_comma + 1, second_comma - first_comma - 1);
  std::string_view country = line.substr(second_comma + 1);
  bool v6 = first.find(':') != first.npos;
  auto parse = v6 ? parse_ipv6 : parse_ipv4;
  const char* kind = v6 ? "an IPv6 address" : "an IPv4 address as a number from 0 to 4294967295";
  parsed_line out = {v6 ? parsed_line::kind::ipv6 : parsed_line::kind::ipv4, {}, nullptr, {}};
  if (!parse(first, out.value.first)) return malformed(kind, first);
  if (!parse(last, out.value.last)) return malformed(kind, last);
  if (out.value.last < out.value.first)
    return malformed("a last address not below the first", last);
  if (country.size() != 2 || !country_character(country[0]) || !country_character(country[1]))
    return malformed("a country of two characters (A-Z, 0-9, ?)", country);
  out.value.country = static_cast<std::uint16_t>(static_cast<unsigned char>(country[0]) << 8 |
                                                 static_cast<unsigned char>(country[1]));
  return out;
}

std::string text_of(const range& r) {
  return text_of(r.first) + ',' + text_of(r.last) + ',' + static_cast<char>(r.country >> 8) +
         static_cast<char>(r.country & 0xff);
}

}  // namespace graceslab::lab
