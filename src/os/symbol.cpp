// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/symbol.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>

#include <cstring>

namespace graceslab::os {
namespace {

// The table of exported names, as the loader uses it to find them.
struct name_table {
  const ElfW(Sym) * symbol = nullptr;
  const char* text = nullptr;
  const std::uint32_t* hash = nullptr;  // DT_GNU_HASH
};

// The loader relocates these addresses in most objects, but not in all.
const char* relocated(const link_map* object, ElfW(Addr) address) noexcept {
  if (address < object->l_addr) address += object->l_addr;
  return reinterpret_cast<const char*>(address);
}

name_table names_of(const link_map* object) noexcept {
  name_table names;
  for (const ElfW(Dyn)* d = object->l_ld; d && d->d_tag != DT_NULL; ++d) {
    const char* at = relocated(object, d->d_un.d_ptr);
    if (d->d_tag == DT_SYMTAB) names.symbol = reinterpret_cast<const ElfW(Sym)*>(at);
    if (d->d_tag == DT_STRTAB) names.text = at;
    if (d->d_tag == DT_GNU_HASH) names.hash = reinterpret_cast<const std::uint32_t*>(at);
  }
  return names;
}

// The hash table lists the symbols that are defined here: each bucket the ones from an index on,
// up to one whose hash is odd.
struct buckets {
  explicit buckets(const std::uint32_t* table) noexcept
      : count(table[0]), first(table[1]), start(table + head_words + table[2] * words_per_bloom) {}
  std::uint32_t hash_of(std::uint32_t symbol) const noexcept {
    return start[count + symbol - first];
  }

  static constexpr unsigned head_words = 4;
  static constexpr unsigned words_per_bloom = sizeof(ElfW(Addr)) / sizeof(std::uint32_t);
  std::uint32_t count;
  std::uint32_t first;
  const std::uint32_t* start;
};

// Calls visit(symbol) for every symbol that is defined here.
template <class Visit>
void each_defined(const name_table& names, Visit visit) noexcept {
  const buckets all(names.hash);
  for (std::uint32_t b = 0; b < all.count; ++b)
    for (std::uint32_t i = all.start[b]; i >= all.first; ++i) {
      visit(names.symbol[i]);
      if (all.hash_of(i) & 1) break;
    }
}

}  // namespace

const link_map* object_of(const void* address) noexcept {
#ifdef DLFO_EH_SEGMENT_TYPE  // glibc 2.35
  dl_find_object found{};
  return _dl_find_object(const_cast<void*>(address), &found) == 0 ? found.dlfo_link_map : nullptr;
#else
  Dl_info info{};
  void* object = nullptr;
  return dladdr1(address, &info, &object, RTLD_DL_LINKMAP) != 0 ? static_cast<link_map*>(object)
                                                                : nullptr;
#endif
}

span span_of(const void* address) noexcept {
#ifdef DLFO_EH_SEGMENT_TYPE
  dl_find_object found{};
  if (_dl_find_object(const_cast<void*>(address), &found) != 0) return {};
  const auto begin = reinterpret_cast<std::uintptr_t>(found.dlfo_map_start);
  return {begin, reinterpret_cast<std::uintptr_t>(found.dlfo_map_end) - begin};
#else
  Dl_info info{};
  if (dladdr(address, &info) == 0) return {};
  const auto* file = static_cast<const char*>(info.dli_fbase);
  const auto* head = reinterpret_cast<const ElfW(Ehdr)*>(file);
  const auto* part = reinterpret_cast<const ElfW(Phdr)*>(file + head->e_phoff);
  ElfW(Addr) low = ~ElfW(Addr){0}, high = 0;
  for (unsigned i = 0; i != head->e_phnum; ++i) {
    if (part[i].p_type != PT_LOAD) continue;
    if (part[i].p_vaddr < low) low = part[i].p_vaddr;
    if (part[i].p_vaddr + part[i].p_memsz > high) high = part[i].p_vaddr + part[i].p_memsz;
  }
  return {reinterpret_cast<std::uintptr_t>(file), high - low};
#endif
}

bool is_main_program(const link_map* object) noexcept {
  return object && object->l_name && object->l_name[0] == '\0' && !object->l_prev;
}

const char* path_of(const link_map* object) noexcept {
  if (is_main_program(object)) return program_invocation_name;
  return object && object->l_name ? object->l_name : "?";
}

bool exports(const link_map* object, const char* name) noexcept {
  const name_table names = names_of(object);
  if (!names.symbol || !names.text || !names.hash) return false;
  constexpr std::uint32_t seed = 5381, factor = 33;
  std::uint32_t hash = seed;
  for (const char* c = name; *c; ++c) hash = hash * factor + static_cast<unsigned char>(*c);
  const buckets all(names.hash);
  if (all.count == 0) return false;
  for (std::uint32_t i = all.start[hash % all.count]; i >= all.first; ++i) {
    if (std::strcmp(names.text + names.symbol[i].st_name, name) == 0) return true;
    if (all.hash_of(i) & 1) break;
  }
  return false;
}

symbol symbol_at(const link_map* object, const void* address) noexcept {
  symbol best{};
  const name_table names = names_of(object);
  if (!names.symbol || !names.text || !names.hash) return best;
  const ElfW(Addr) at = reinterpret_cast<ElfW(Addr)>(address) - object->l_addr;
  ElfW(Addr) closest = 0;
  each_defined(names, [&](const ElfW(Sym) & s) {
    const unsigned type = s.st_info & 0xfu;
    if (s.st_shndx == SHN_UNDEF || s.st_value == 0 || type == STT_TLS) return;
    if (at < s.st_value || (at - s.st_value >= s.st_size && at != s.st_value)) return;
    if (best.name && s.st_value <= closest) return;
    closest = s.st_value;
    best = {names.text + s.st_name, reinterpret_cast<const void*>(object->l_addr + s.st_value)};
  });
  return best;
}

}  // namespace graceslab::os
