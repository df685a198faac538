// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The heavy half of the asymmetric fence: after it, every other thread has passed a full fence.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstdint>

namespace graceslab::os {

// The rung of the ladder that carried the last fence. Whether readers fence themselves (READER) is
// decided once at start (GRACESLAB_FENCE=membarrier, reader or mprotect forces); otherwise every
// fence tries membarrier, then the mprotect shoot-down. NONE: the last one was refused by both; the
// next may succeed.
gs_fence fence_mode() noexcept;

// False: the system refuses every fence just now. Then nothing may be reclaimed on the strength of
// it; whoever waits tries again. Called under locks, so it reports nothing: whoever fenced calls
// report_lost_fence() when it holds none.
[[nodiscard]] bool heavy_fence() noexcept;

// How many times anybody asked for it: what barriers and destroys of many caches are to share.
std::uint64_t heavy_fences() noexcept;

// Says, once per process, that every fence was refused. A handler may use the library: no lock is
// held here, and the caller has no objects in hand.
void report_lost_fence() noexcept;

// True when readers and cache owners must use full fences themselves (mode READER): leave them out
// of line.
bool readers_fence() noexcept;

}  // namespace graceslab::os
