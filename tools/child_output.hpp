// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a child process wrote and how it ended.
#pragma once
#include <string>
#include <vector>

namespace graceslab::tool {

struct child_output {
  std::string out;
  std::string err;
  int signal = 0;  // that ended it; 0 = it exited
  int status = 0;
  bool timed_out = false;
};

// Runs `arguments[0]` with additional "NAME=VALUE" settings; kills it after `timeout_ms`. Throws
// std::runtime_error.
child_output run_child(const std::vector<std::string>& arguments,
                       const std::vector<std::string>& settings, int timeout_ms);

}  // namespace graceslab::tool
