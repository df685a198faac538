// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/module.hpp"

#include "base/format.hpp"
#include "os/exit.hpp"
#include "os/handlers.hpp"
#include "os/symbol.hpp"

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
  return add_unload_handler(dso, run) && watch_for_exit_now();
}

}  // namespace graceslab::os
