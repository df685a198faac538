// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/module.hpp"

#include <dlfcn.h>
#include <link.h>

#include <graceslab/detail/atomic.h>

#include "base/format.hpp"
#include "os/hooks.hpp"

extern "C" {
extern void* __dso_handle __attribute__((visibility("hidden")));
int __cxa_atexit(void (*run)(void*), void* arg, void* dso);
}

namespace graceslab::os {
namespace {

std::uint32_t begun;

struct search {
  ElfW(Addr) address;
  bool found;
};

int visit(dl_phdr_info* info, std::size_t, void* arg) {
  auto* wanted = static_cast<search*>(arg);
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD) continue;
    if (wanted->address - (info->dlpi_addr + segment.p_vaddr) < segment.p_memsz) wanted->found = true;
  }
  return 1;  // the main program comes first; the others do not matter
}

void note_exit(void*) noexcept { gs_store_relaxed(&begun, 1u); }

}  // namespace

bool in_main_program(const void* address) noexcept {
  search wanted{reinterpret_cast<ElfW(Addr)>(address), false};
  dl_iterate_phdr(visit, &wanted);
  return wanted.found;
}

std::size_t module_path(const void* address, char* path, std::size_t bytes) noexcept {
  base::writer out(path, bytes);
  Dl_info info{};
  if (in_main_program(address))
    out.add("the main program");
  else if (dladdr(address, &info) != 0 && info.dli_fname)
    out.add("%s", info.dli_fname);
  else
    out.add("?");
  return out.written();
}

// The second handler belongs to this library: dlclose() of `dso` leaves it alone, and exit() runs it just before the
// first one, which can then tell the two apart.
bool on_unload(void* dso, void (*run)(void* dso)) noexcept {
  if (__cxa_atexit(run, dso, dso) != 0) return false;
  return __cxa_atexit(note_exit, nullptr, &__dso_handle) == 0;
}

bool exit_begun() noexcept { return gs_load_relaxed(&begun) != 0 || process_exiting(); }

}  // namespace graceslab::os
