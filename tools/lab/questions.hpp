// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Questions that the approaches raise, each measured on caches of the laboratory's own. The host's
// readers run meanwhile; a report of the library is a problem.
#pragma once
#include "findings.hpp"
#include "progress.hpp"
#include "traffic.hpp"

namespace graceslab::lab {

// One global barrier and N destroys, or N waits for one cache each?
many_result run_many(progress& show);
small_result run_small(unsigned rounds, progress& show);
one_result run_one(unsigned rounds, progress& show);
parked_result run_parked(progress& show);
chains_result run_chains(progress& show);
innocents_result run_innocents(unsigned rounds, traffic& threads, progress& show);

}  // namespace graceslab::lab
