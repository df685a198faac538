// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#pragma once
#include <string>
#include <vector>

namespace graceslab::tool::bench {

struct child_result {
  bool started = false;
  int exit_status = -1;  // 128 + the signal that ended it
  bool out_of_time = false;
  std::string output;
  std::string errors;
  bool good() const { return started && exit_status == 0; }
  std::string trouble() const;  // one line
};

// Runs a program to its end, or kills it after so many seconds. `environment`: NAME=VALUE, added to
// ours.
child_result run_child(const std::vector<std::string>& words,
                       const std::vector<std::string>& environment, double seconds_at_most);

}  // namespace graceslab::tool::bench
