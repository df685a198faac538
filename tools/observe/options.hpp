// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What `slabinfo`, `why` and `top` have in common on the command line.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>

#include "observe/client.hpp"

namespace graceslab::tool::observe {

struct process_option {
  std::uint32_t pid = 0;  // 0: the only one
  double timeout_s = 10;

  CLI::Option* add_to(CLI::App& command) {
    command.add_option("--timeout", timeout_s, "How long it may take to answer, 0.1 to 600")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 600.0));
    constexpr std::uint32_t pids_most = 1u << 22;
    return command
        .add_option("pid", pid, "The process; left out, the only one of yours that is observed")
        ->type_name("PID")
        ->check(CLI::Range(1u, pids_most));
  }
  peer chosen() const {
    return {pid != 0 ? pid : only_process(), std::chrono::milliseconds(long(timeout_s * 1000))};
  }
};

}  // namespace graceslab::tool::observe
