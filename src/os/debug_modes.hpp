// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Debug modes of caches, chosen by name: GRACESLAB_DEBUG=FZPU,name*;... as the kernel's slab_debug.
//
// - Blocks are parted by ';'. Each is LETTERS, or LETTERS,NAME,NAME...; a name may hold * and ?.
// - No letters before a comma mean F, Z, P and U; a '-' takes back the letters before it.
// - The first block that names a cache counts for it, else the last one without names.
// - What is not understood is reported, and the rest holds.
#pragma once
#include <cstddef>

namespace graceslab::os {

enum debug_mode : unsigned {
  debug_checks = 1,    // F
  debug_red_zone = 2,  // Z
  debug_poison = 4,    // P
  debug_owners = 8,    // U
  debug_trace = 16,    // T
  debug_usual = debug_checks | debug_red_zone | debug_poison | debug_owners,
};

// What a new cache of that name is to have.
unsigned debug_modes_of(const char* cache_name) noexcept;
bool debug_modes_given() noexcept;  // some block has a letter
// The setting GRACESLAB_LEAKS_AT_EXIT, whose own choice is that.
bool tells_leaks_at_exit() noexcept;
// The blocks in force are these from now on, or these as well, as if they stood behind them.
// - Context: any but signal handlers; caches that exist stay as they are.
// - Returns: 0, -EINVAL: something was not understood, or -E2BIG: too long, and nothing is changed.
//   Both are reported.
int set_debug_modes(const char* blocks) noexcept;
int add_debug_modes(const char* blocks) noexcept;
const char* debug_modes_text() noexcept;  // "-" when there are none; valid until they change
// Names that no cache had so far, with a blank before each. Returns the length needed.
std::size_t debug_names_unmatched(char* text, std::size_t bytes) noexcept;

}  // namespace graceslab::os
