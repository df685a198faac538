// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The object that holds the library stays mapped from the moment it is loaded, be it the shared
// library or a plug-in that carries the archive: threads, keys and handlers of ours live in it. And
// one copy is enough: readers of one are not seen by another.
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include "os/keep_errno.hpp"
#include "os/report.hpp"
#include "os/symbol.hpp"

namespace graceslab::os {
namespace {

constexpr const char* exported_by_every_copy = "gs_version";

bool stays_by_itself(const link_map* object) noexcept {
  if (is_main_program(object)) return true;
  for (const ElfW(Dyn)* d = object->l_ld; d && d->d_tag != DT_NULL; ++d)
    if (d->d_tag == DT_FLAGS_1 && (d->d_un.d_val & DF_1_NODELETE) != 0) return true;
  return false;
}

// Looked up, because a static program that names dlopen() draws a warning from the linker.
bool keep_mapped(const link_map* object) noexcept {
  auto* open = reinterpret_cast<void* (*)(const char*, int)>(dlsym(RTLD_DEFAULT, "dlopen"));
  return open && open(object->l_name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

const link_map* other_copy(const link_map* mine) noexcept {
  const link_map* object = mine;
  while (object->l_prev) object = object->l_prev;
  for (; object; object = object->l_next)
    if (object != mine && exports(object, exported_by_every_copy)) return object;
  return nullptr;
}

// The loader runs this alone: it holds the lock of its list.
[[gnu::constructor]] void settle_in() noexcept {
  keep_errno keep;
  const link_map* mine = object_of(reinterpret_cast<const void*>(settle_in));
  if (!mine) return;
  if (!stays_by_itself(mine) && !keep_mapped(mine))
    report(GS_REPORT_BAD_LINKAGE,
           "%s holds the library, and cannot be kept mapped: it must not be unloaded",
           path_of(mine));
  if (const link_map* other = other_copy(mine))
    report(GS_REPORT_BAD_LINKAGE,
           "there are two copies of the library in this process, in %s and in %s: a grace period "
           "of one does not wait for readers of the other; link both to the shared library",
           path_of(other), path_of(mine));
}

}  // namespace
}  // namespace graceslab::os
