// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// File descriptors of the program.
#pragma once
#include <cstddef>

namespace graceslab::os {

// All of it, in as many writes as it takes. 0, or a negative error number. No cancellation point.
int write_all(int file, const char* text, std::size_t bytes) noexcept;

// An empty file, for the user alone, that is written to; what was there goes. Its number, which no
// program inherits; or -1 and a negative error number.
int create_file(const char* path, int* error) noexcept;
void close_file(int file) noexcept;  // what was written to it is the kernel's by then

}  // namespace graceslab::os
