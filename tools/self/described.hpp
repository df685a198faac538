// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The command line as it is defined, in plain words: what its manual and its completions are made
// of.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace graceslab::tool {

struct option_text {
  std::vector<std::string> names;  // "-h", "--help"; of an argument by its place: one, without
                                   // dashes
  bool takes_value = false;
  std::vector<std::string> values;  // all that there are; none: any
  std::string value;                // what kind: "UINT"
  std::string legal;                // "INT in [1 - 100]"; empty: any
  std::string fallback;             // what holds without it; may be empty
  std::string meaning;
};

struct command_text {
  std::string name;
  std::string meaning;
  std::string notes;  // what stands below the help; may have several lines
  std::vector<option_text> options;
};

struct program_text {
  command_text program;
  std::vector<command_text> commands;  // but for those that are hidden
};

program_text describe(const CLI::App& app);
// Of that sub-command; nullptr: there is none.
const command_text* find_command(const program_text& all, const std::string& name);

}  // namespace graceslab::tool
