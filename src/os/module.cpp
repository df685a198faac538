// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/module.hpp"

#include <graceslab/detail/atomic.h>

#include "base/format.hpp"
#include "os/exit.hpp"
#include "os/symbol.hpp"

extern "C" {
extern void* __dso_handle __attribute__((visibility("hidden")));
int __cxa_atexit(void (*run)(void*), void* arg, void* dso);
}

namespace graceslab::os {
bool in_main_program(const void* address) noexcept { return is_main_program(object_of(address)); }

std::size_t module_path(const void* address, char* path, std::size_t bytes) noexcept {
  base::writer out(path, bytes);
  const link_map* object = object_of(address);
  out.add("%s", is_main_program(object) ? "the main program" : path_of(object));
  return out.written();
}

span object_span(const void* address) noexcept { return span_of(address); }

// The second handler belongs to this library: dlclose() of `dso` leaves it alone, and exit() runs
// it just before the first one, which can then tell the two apart.
bool on_unload(void* dso, void (*run)(void* dso)) noexcept {
  if (__cxa_atexit(run, dso, dso) != 0) return false;
  return watch_for_exit_now();
}

}  // namespace graceslab::os
