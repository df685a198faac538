// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shared objects: which one an address belongs to, and being told before one is unmapped.
#pragma once
#include <cstddef>
#include <cstdint>

namespace graceslab::os {

// Path of the shared object that holds `address`, "the main program" for it, or "?". Returns the
// length written.
std::size_t module_path(const void* address, char* path, std::size_t bytes) noexcept;
bool in_main_program(const void* address) noexcept;

// The addresses of a loaded object; empty when unknown.
struct span {
  std::uintptr_t begin = 0;
  std::size_t bytes = 0;

  bool holds(const void* p) const noexcept {
    return reinterpret_cast<std::uintptr_t>(p) - begin < bytes;
  }
};
span object_span(const void* address) noexcept;

// `run(dso)` is called when the object with that handle is unloaded, before it is unmapped. It is
// called at process exit too; exit_begun() is true by then. False when the C library refused.
bool on_unload(void* dso, void (*run)(void* dso)) noexcept;

}  // namespace graceslab::os
