// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The names of functions that an object does not export, out of its file: most callbacks are
// static. For reports that blame one; it reads the file's whole table of symbols.
#pragma once
#include <cstddef>

struct link_map;

namespace graceslab::os {

// The start of the function, and its name; nullptr: the file has no such table (it was stripped),
// is not to be had, or is another one by now.
const void* local_symbol(const link_map* object, const void* address, char* name,
                         std::size_t bytes) noexcept;

}  // namespace graceslab::os
