// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Places in code, each kept once: in which build of which module, and in which function.
//
// - Names: an exported one is found when the place is first seen, for its code is there then. The
//   others come out of the module's file when a report shows the place, or the module is unloaded:
//   nothing of a module's memory is looked at that may be gone.
// - Context: anywhere. Neither the loader's lock nor malloc(); a signal handler that interrupted
//   the table, or a process without memory, does without it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace graceslab::os {

// How an address is meant: where a function begins, or where a call returns to, which may be beyond
// the end of the function that called.
enum class address_is : unsigned { start = 0, after_call = 1 };

// 0: could not be kept.
std::uint32_t place_of(const void* address, address_is what) noexcept;

// Looks for the names of up to `most_at_once` places, with one pass over the file of each module.
inline constexpr std::size_t most_at_once = 16;
void name_places(const std::uint32_t* ids, std::size_t n) noexcept;
// The same for all known places of the object around `inside`, which is about to be unmapped.
void name_places_around(const void* inside) noexcept;

// "function+0x12 (module+0x3456 0123456789abcdef)": the number is the first half of the build-id,
// offsets are those of the address. "? (...)" without a name; the bare address without a module.
// Returns the length written, 0: not to be had.
std::size_t describe_place(std::uint32_t id, address_is what, char* text,
                           std::size_t bytes) noexcept;
// The same of one that could not be kept; its code is there.
std::size_t describe_unkept(const void* address, address_is what, char* text,
                            std::size_t bytes) noexcept;

}  // namespace graceslab::os
