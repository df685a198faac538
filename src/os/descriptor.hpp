// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// File descriptors of the program.
#pragma once
#include <cstddef>

namespace graceslab::os {

// All of it, in as many writes as it takes. 0, or a negative error number. No cancellation point.
int write_all(int file, const char* text, std::size_t bytes) noexcept;

}  // namespace graceslab::os
