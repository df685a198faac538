// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which build of an object is loaded, or lies in a file: addresses of one mean nothing in another.
#pragma once
#include <cstddef>
#include <cstdint>

struct link_map;

namespace graceslab::os {

class object_file;

// The build-id that the linker wrote; where there is none, what its segments look like.
struct build {
  static constexpr unsigned most_bytes = 20;

  unsigned char id[most_bytes] = {};
  unsigned id_bytes = 0;       // longer ones are cut
  std::uint64_t segments = 0;  // a hash; 0: nothing is known, and it is like no other

  bool known() const noexcept { return segments != 0; }
  bool like(const build& other) const noexcept;
  // " 0123456789abcdef", the first half of it; "" without a build-id.
  void add_to(char (&text)[20]) const noexcept;
};

// Of an object that stays loaded meanwhile; `inside` is an address in it.
build build_of(const link_map* object, const void* inside) noexcept;
build build_of(const object_file& file) noexcept;

}  // namespace graceslab::os
