// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/symbol_file.hpp"

#include <algorithm>
#include <cstring>

#include "os/scratch.hpp"

namespace graceslab::os {
namespace {

constexpr std::uint64_t most_symbols = 4'000'000;  // of larger tables only the beginning is read

bool is_function(const ElfW(Sym) & s) noexcept {
  const unsigned type = s.st_info & 0xfu;
  return (type == STT_FUNC || type == STT_GNU_IFUNC) && s.st_shndx != SHN_UNDEF && s.st_value != 0;
}

void consider(const ElfW(Sym) & s, symbol_file::sought* all, std::size_t n) noexcept {
  if (!is_function(s)) return;
  for (symbol_file::sought* one = all; one != all + n; ++one)
    if ((one->code - s.st_value < s.st_size || one->code == s.st_value) && s.st_value > one->start)
      one->start = s.st_value, one->name = s.st_name;
}

}  // namespace

symbol_file::symbol_file(const char* path, const build& wanted) noexcept : file_(path) {
  if (!build_of(file_).like(wanted) || !file_.read_one(0, &head_) ||
      head_.e_shentsize != sizeof(ElfW(Shdr)))
    return;
  if (!find_table(SHT_SYMTAB) && !find_table(SHT_DYNSYM)) symbols_.sh_size = 0;
}

bool symbol_file::find_table(std::uint32_t type) noexcept {
  const auto read_section = [this](std::uint64_t i, ElfW(Shdr) * to) {
    return file_.read_one(head_.e_shoff + i * sizeof *to, to);
  };
  for (unsigned i = 0; i != head_.e_shnum; ++i) {
    if (!read_section(i, &symbols_)) return false;
    if (symbols_.sh_type == type)
      return symbols_.sh_size != 0 && read_section(symbols_.sh_link, &names_);
  }
  return false;
}

void symbol_file::find(sought* all, std::size_t n) const noexcept {
  scratch piece;
  ElfW(Sym) s;
  const std::uint64_t end = std::min<std::uint64_t>(symbols_.sh_size, most_symbols * sizeof s);
  const std::size_t whole = piece.bytes() / sizeof s * sizeof s;
  for (std::uint64_t done = 0; done + sizeof s <= end;) {
    const std::size_t got = file_.read(symbols_.sh_offset + done, piece.text(),
                                       std::min<std::uint64_t>(whole, end - done)) /
                            sizeof s;
    if (got == 0) return;
    for (std::size_t i = 0; i != got; ++i) {
      std::memcpy(&s, piece.text() + i * sizeof s, sizeof s);
      consider(s, all, n);
    }
    done += got * sizeof s;
  }
}

bool symbol_file::read_name(const sought& one, char* text, std::size_t bytes) const noexcept {
  if (one.start == 0 || one.name >= names_.sh_size) return false;
  const std::size_t got = file_.read(names_.sh_offset + one.name, text,
                                     std::min<std::uint64_t>(bytes - 1, names_.sh_size - one.name));
  text[got] = '\0';
  return text[0] != '\0';
}

}  // namespace graceslab::os
