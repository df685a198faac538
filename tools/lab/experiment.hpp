// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The whole experiment, as the command line asks for it.
#pragma once
#include <string>
#include <vector>

#include "findings.hpp"
#include "progress.hpp"

namespace graceslab::lab {

struct settings {
  std::vector<std::string> inputs;
  std::vector<std::string> only;
  unsigned rounds = 10;
  double seconds = 0.25;
};

// What --approach knows, separated by spaces.
std::string known_ids();

// How long measure() will take, about, in seconds, for so many ranges.
double estimate(const settings& s, std::size_t ranges);

// Runs it. Throws tool::usage_error for settings or input without use.
findings measure(const settings& s);

}  // namespace graceslab::lab
