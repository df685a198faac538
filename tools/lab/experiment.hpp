// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The whole experiment, as the command line asks for it.
#pragma once
#include <string>
#include <vector>

namespace graceslab::lab {

struct settings {
  std::vector<std::string> inputs;
  std::vector<std::string> only;
  unsigned rounds = 10;
  double seconds = 0.25;
  bool json = false;
};

// What --approach knows, separated by spaces.
std::string known_ids();

// Runs it, prints the findings, sets tool::exit_status. Throws tool::usage_error for settings or
// input without use.
void run(const settings& s);

}  // namespace graceslab::lab
