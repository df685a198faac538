// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where reports go by default: to what was standard error when the program started, and nowhere
// else. A descriptor 2 that was closed and opened again is somebody's file or connection.
#pragma once
#include <cstddef>

namespace graceslab::os {

// What is standard error now is the right one from here on. The first time at the start.
void adopt_standard_error() noexcept;

// One write that does not block, whatever reads the other end, and does not kill where nobody does.
// False: it was not written, or not all of it.
bool write_standard_error(const char* text, std::size_t bytes) noexcept;

}  // namespace graceslab::os
