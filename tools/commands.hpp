// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The sub-commands of `graceslab`: each adds itself, with its options and its callback, to the
// command line.
#pragma once
#include <stdexcept>

namespace CLI {
class App;
}

namespace graceslab::tool {

void add_lab(CLI::App& app);
void add_report(CLI::App& app);
void add_config(CLI::App& app);
void add_memory(CLI::App& app);
void add_decode(CLI::App& app);
void add_metrics(CLI::App& app);
void add_trace(CLI::App& app);
void add_slabinfo(CLI::App& app);
void add_top(CLI::App& app);
void add_why(CLI::App& app);
void add_torture(CLI::App& app);
void add_bench(CLI::App& app);
void add_manual(CLI::App& app);
void add_completion(CLI::App& app);

// Input or options that cannot be used: main prints `graceslab: TEXT`, one line, and exits with 2.
struct usage_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What main returns: 0 success, 1 a promise was broken, 2 bad options or input. Set by a
// sub-command's callback.
inline int exit_status = 0;

}  // namespace graceslab::tool
