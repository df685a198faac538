// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Files of /proc and /sys.
#pragma once
#include <cstddef>

namespace graceslab::os {

// The beginning of the file, as a string; empty when it cannot be read. No cancellation point.
std::size_t read_small_file(const char* path, char* text, std::size_t bytes) noexcept;

}  // namespace graceslab::os
