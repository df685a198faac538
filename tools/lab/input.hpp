// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The experiment's input: IP-to-country ranges in the format of Debian's tor-geoipdb.
//
// A line is `FIRST,LAST,CC`: IPv4 as decimal numbers, IPv6 in colon notation, CC two of A-Z, 0-9
// and `?`. Empty lines and those that begin with `#` are skipped. A malformed line is named on
// standard error and the rest is still used.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "module/abi.hpp"

namespace graceslab::lab {

struct input_file {
  std::string path;
  std::uint64_t lines = 0;
  std::uint64_t ranges = 0;
  std::uint64_t malformed = 0;
};

struct input {
  std::vector<range> ranges;  // sorted by first address, without overlap
  std::vector<input_file> files;
  std::uint64_t ipv4 = 0;
  std::uint64_t ipv6 = 0;
};

// Throws tool::usage_error when a file cannot be read or no line is usable.
input read_input(const std::vector<std::string>& paths);

// Those of tor-geoipdb.
std::vector<std::string> default_paths();

}  // namespace graceslab::lab
