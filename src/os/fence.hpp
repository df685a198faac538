// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The heavy half of the asymmetric fence: after it, every other thread has passed a full fence.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstdint>

namespace graceslab::os {

// Decided once at start: membarrier, else fences in the reader (GRACESLAB_FENCE=membarrier, reader
// or mprotect forces). A membarrier that fails later falls to the mprotect shoot-down; when that
// fails too the mode is NONE.
gs_fence fence_mode() noexcept;

// Returns false only in mode NONE: then nothing may be reclaimed on the strength of it. Called
// under locks, so it reports nothing: whoever fenced calls report_lost_fence() when it holds none.
[[nodiscard]] bool heavy_fence() noexcept;

// How many times anybody asked for it: what barriers and destroys of many caches are to share.
std::uint64_t heavy_fences() noexcept;

// Says, once per process, that the mode has become NONE. A handler may use the library: no lock is
// held here, and the caller has no objects in hand.
void report_lost_fence() noexcept;

// True when readers and cache owners must use full fences themselves (mode READER): leave them out
// of line.
bool readers_fence() noexcept;

}  // namespace graceslab::os
