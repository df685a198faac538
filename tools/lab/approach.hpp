// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One approach of the paper, round after round: load the module, use it, tear it down, unload it,
// wait until it is home.
#pragma once
#include <string>
#include <vector>

#include "findings.hpp"
#include "progress.hpp"
#include "traffic.hpp"

namespace graceslab::lab {

approach_result run_approach(const approach_info& info, const std::vector<range>& ranges,
                             const std::string& module, traffic& threads, const load& work,
                             progress& show);

}  // namespace graceslab::lab
