// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Floods of reports: of each kind and place the first ones are written, then one a second.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

namespace graceslab::os {

// Whether to write a report now; then `*held` says how many like it were not, since the last one.
// Alike are reports of one kind whose texts differ in numbers and addresses only.
bool flood_admits(gs_report kind, const char* text, std::size_t bytes,
                  std::uint64_t* held) noexcept;

}  // namespace graceslab::os
