// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The heavy half of the asymmetric fence: after it, every other thread has passed a full fence.
#pragma once
#include <graceslab/detail/abi.h>

namespace graceslab::os {

// Decided once at start: membarrier, else fences in the reader (GRACESLAB_FENCE=membarrier, reader
// or mprotect forces). A membarrier that fails later falls to the mprotect shoot-down; when that
// fails too the mode is NONE, reported once.
gs_fence fence_mode() noexcept;

// Returns false only in mode NONE: then nothing may be reclaimed on the strength of it.
[[nodiscard]] bool heavy_fence() noexcept;

// True when readers and cache owners must use full fences themselves (mode READER): leave them out
// of line.
bool readers_fence() noexcept;

}  // namespace graceslab::os
