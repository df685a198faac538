// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The names of all functions of an object, out of its file: most of a program's are not exported.
// One pass over the file's table serves many addresses; it takes a millisecond or more, so it is
// for reports, and not under a lock.
#pragma once
#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>

#include "os/build.hpp"
#include "os/object_file.hpp"

namespace graceslab::os {

class symbol_file {
 public:
  // Not usable: not to be had, another build by now, or without any table of symbols.
  symbol_file(const char* path, const build& wanted) noexcept;
  bool usable() const noexcept { return symbols_.sh_size != 0; }

  struct sought {
    std::uintptr_t code;       // as the file counts: from where its first byte would be
    std::uintptr_t start = 0;  // of the function; 0: not found
    std::uint32_t name = 0;
  };
  // The innermost function around each.
  void find(sought* all, std::size_t n) const noexcept;
  bool read_name(const sought& one, char* text, std::size_t bytes) const noexcept;

 private:
  bool find_table(std::uint32_t type) noexcept;

  object_file file_;
  ElfW(Ehdr) head_ = {};
  ElfW(Shdr) symbols_ = {};
  ElfW(Shdr) names_ = {};
};

}  // namespace graceslab::os
