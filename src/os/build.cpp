// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/build.hpp"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/hash.hpp"
#include "os/object_file.hpp"
#include "os/symbol.hpp"

namespace graceslab::os {
namespace {

constexpr unsigned segments_most = 64;
constexpr std::size_t notes_most_bytes = 1024;

std::uint64_t hash_of(const ElfW(Phdr) & p) noexcept {
  return base::mix(base::mix(base::mix(p.p_type ^ p.p_offset) ^ p.p_vaddr) ^ p.p_memsz);
}

// Copied piece by piece: notes need not be aligned where they come from.
void find_id(const char* notes, std::size_t bytes, std::size_t align, build* found) noexcept {
  const auto round_up = [align = align == 8 ? align : 4](std::size_t n) {
    return (n + align - 1) & ~(align - 1);
  };
  ElfW(Nhdr) head;
  for (std::size_t at = 0; at + sizeof head <= bytes;) {
    std::memcpy(&head, notes + at, sizeof head);
    const std::size_t name = at + sizeof head, id = round_up(name + head.n_namesz);
    if (id > bytes || head.n_descsz > bytes - id) return;
    if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == sizeof ELF_NOTE_GNU &&
        std::memcmp(notes + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0) {
      found->id_bytes = std::min<unsigned>(head.n_descsz, build::most_bytes);
      std::memcpy(found->id, notes + id, found->id_bytes);
      return;
    }
    at = round_up(id + head.n_descsz);
  }
}

struct segments {
  const ElfW(Phdr) * first = nullptr;
  std::size_t count = 0;
};

// A static program is mapped from its code on, as far as the C library knows: not from its header.
segments segments_of(const link_map* object, const void* inside) noexcept {
  if (is_main_program(object))
    return {reinterpret_cast<const ElfW(Phdr)*>(getauxval(AT_PHDR)), getauxval(AT_PHNUM)};
  const auto* start = reinterpret_cast<const char*>(span_of(inside).begin);
  const auto* head = reinterpret_cast<const ElfW(Ehdr)*>(start);
  if (!start || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) return {};
  return {reinterpret_cast<const ElfW(Phdr)*>(start + head->e_phoff), head->e_phnum};
}

}  // namespace

bool build::like(const build& other) const noexcept {
  if (!known() || !other.known() || id_bytes != other.id_bytes) return false;
  return id_bytes != 0 ? std::memcmp(id, other.id, id_bytes) == 0 : segments == other.segments;
}

void build::add_to(char (&text)[20]) const noexcept {
  constexpr unsigned shown_bytes = 8;
  text[0] = '\0';
  if (id_bytes == 0) return;
  text[0] = ' ';
  for (unsigned i = 0; i != std::min(id_bytes, shown_bytes); ++i)
    std::snprintf(text + 1 + i * 2, 3, "%02x", id[i]);
}

build build_of(const link_map* object, const void* inside) noexcept {
  build found;
  const segments all = segments_of(object, inside);
  for (std::size_t i = 0; all.first && i != all.count; ++i) {
    const ElfW(Phdr)& p = all.first[i];
    found.segments ^= hash_of(p);
    if (p.p_type == PT_NOTE && found.id_bytes == 0)
      find_id(reinterpret_cast<const char*>(object->l_addr + p.p_vaddr), p.p_memsz, p.p_align,
              &found);
  }
  return found;
}

build build_of(const object_file& file) noexcept {
  build found;
  ElfW(Ehdr) head;
  ElfW(Phdr) p;
  char notes[notes_most_bytes];
  if (!file.read_one(0, &head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
      head.e_ident[EI_CLASS] != (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32) ||
      head.e_phentsize != sizeof p || head.e_phnum > segments_most)
    return found;
  for (unsigned i = 0; i != head.e_phnum; ++i) {
    if (!file.read_one(head.e_phoff + i * sizeof p, &p)) return {};
    found.segments ^= hash_of(p);
    if (p.p_type != PT_NOTE || found.id_bytes != 0) continue;
    const std::size_t got =
        file.read(p.p_offset, notes, std::min<std::uint64_t>(p.p_filesz, sizeof notes));
    find_id(notes, got, p.p_align, &found);
  }
  return found;
}

}  // namespace graceslab::os
