// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A recording as a timeline in the JSON form of Chrome's trace viewer, which Perfetto reads.
#pragma once
#include <string>

#include "trace/recorded.hpp"

namespace graceslab::tool::trace {

// Three groups of tracks: threads with callbacks, domains with grace periods, and caches with how
// they end. Each span that begins ends, at the last where the recording does.
std::string timeline_of(const recording& all);

}  // namespace graceslab::tool::trace
