// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/local_symbol.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "os/keep_errno.hpp"
#include "os/symbol.hpp"

namespace graceslab::os {
namespace {

// System calls: open() and pread() are cancellation points.
class object_file {
 public:
  explicit object_file(const char* path) noexcept
      : file_(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC)) {}
  ~object_file() {
    if (file_ >= 0) syscall(SYS_close, file_);  // unused result: it was only read
  }
  object_file(const object_file&) = delete;
  object_file& operator=(const object_file&) = delete;

  std::size_t read(std::uint64_t from, void* to, std::size_t bytes) const noexcept {
    const long got = file_ < 0 ? -1 : syscall(SYS_pread64, file_, to, bytes, from);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  template <class T>
  bool read_one(std::uint64_t from, T* to) const noexcept {
    return read(from, to, sizeof *to) == sizeof *to;
  }

 private:
  long file_;
};

struct tables {
  ElfW(Shdr) symbols = {};
  ElfW(Shdr) names = {};
};

// Is it the file that was mapped, and has it a table of all symbols?
bool find_tables(const object_file& file, const link_map* object, const void* address,
                 tables* found) noexcept {
  ElfW(Ehdr) head;
  const auto* mapped = reinterpret_cast<const void*>(span_of(address).begin);
  if (!mapped || !object || !file.read_one(0, &head)) return false;
  if (std::memcmp(mapped, &head, sizeof head) != 0 || head.e_shentsize != sizeof(ElfW(Shdr)))
    return false;
  for (unsigned i = 0; i != head.e_shnum; ++i) {
    if (!file.read_one(head.e_shoff + i * sizeof(ElfW(Shdr)), &found->symbols)) return false;
    if (found->symbols.sh_type == SHT_SYMTAB)
      return file.read_one(head.e_shoff + found->symbols.sh_link * sizeof(ElfW(Shdr)),
                           &found->names);
  }
  return false;
}

bool find_function(const object_file& file, const ElfW(Shdr) & symbols, ElfW(Addr) at,
                   ElfW(Sym) * found) noexcept {
  constexpr std::size_t piece = 64;
  ElfW(Sym) some[piece];
  for (std::uint64_t done = 0; done < symbols.sh_size;) {
    const std::size_t wanted =
        std::min<std::uint64_t>(sizeof some, symbols.sh_size - done) / sizeof some[0];
    const std::size_t got =
        file.read(symbols.sh_offset + done, some, wanted * sizeof some[0]) / sizeof some[0];
    if (got == 0) return false;
    for (std::size_t i = 0; i != got; ++i) {
      const ElfW(Sym)& s = some[i];
      if ((s.st_info & 0xfu) != STT_FUNC || s.st_shndx == SHN_UNDEF) continue;
      if (at < s.st_value || (at - s.st_value >= s.st_size && at != s.st_value)) continue;
      *found = s;
      return true;
    }
    done += got * sizeof some[0];
  }
  return false;
}

}  // namespace

const void* local_symbol(const link_map* object, const void* address, char* name,
                         std::size_t bytes) noexcept {
  keep_errno keep;
  const object_file file(is_main_program(object) ? "/proc/self/exe" : path_of(object));
  tables t;
  ElfW(Sym) s;
  if (!find_tables(file, object, address, &t)) return nullptr;
  const ElfW(Addr) at = reinterpret_cast<ElfW(Addr)>(address) - object->l_addr;
  if (!find_function(file, t.symbols, at, &s)) return nullptr;
  const std::size_t length = file.read(t.names.sh_offset + s.st_name, name, bytes - 1);
  name[length] = '\0';
  return length == 0 ? nullptr : reinterpret_cast<const void*>(object->l_addr + s.st_value);
}

}  // namespace graceslab::os
