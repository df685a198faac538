// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Modules that trust the wrong thing, each in a child process, with owner protection off and on.
//
// Protection off, the bug must show: a crash in unmapped code, or a report. Protection on, nothing
// may crash: the library waits for the module's callbacks before its code goes, or reports. The
// interleaving is forced: a blocking callback of the host stands ahead in the queue until after the
// unload.
#pragma once
#include <string>
#include <vector>

#include "findings.hpp"
#include "progress.hpp"

namespace graceslab::lab {

// Runs `variant` in a child and judges what came of it.
unsafe_result run_unsafe(const unsafe_info& variant, bool protection);

// Every variant with protection off and on, and the lucky one.
std::vector<unsafe_result> run_all_unsafe(const std::vector<std::string>& only, progress& show);

// What the child does.
[[noreturn]] void be_child(unsafe variant, bool protection);

}  // namespace graceslab::lab
