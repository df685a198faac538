// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which loaded object and which exported function an address belongs to, without the loader's lock.
//
// dlclose() holds that lock while the library waits for a module's callbacks; a callback that makes
// a report, or destroys a cache, must be able to name its stack meanwhile. So not dladdr(), where
// the C library has something better.
#pragma once
#include <cstdint>

#include "os/module.hpp"

struct link_map;

namespace graceslab::os {

// nullptr: none. What it points at stays valid as long as code of the object may run.
const link_map* object_of(const void* address) noexcept;
span span_of(const void* address) noexcept;  // of its object's addresses
bool is_main_program(const link_map* object) noexcept;
const char* path_of(const link_map* object) noexcept;

struct symbol {
  const char* name;  // nullptr: none that is exported
  const void* start;
};
bool exports(const link_map* object, const char* name) noexcept;
symbol symbol_at(const link_map* object, const void* address) noexcept;

}  // namespace graceslab::os
