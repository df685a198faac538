// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whose work something is: of a token that a program made, or of a shared object. And which work
// somebody waits for, of all that is queued and runs.
#pragma once
#include "os/module.hpp"

namespace graceslab::rcu {

// Work is a shared object's when it was posted under its handle, and also when what is executed or
// the memory it works on lies in that object, under whatever handle it was posted: a linker may
// have bound the function that posts to another object's copy.
struct whose {
  const void* token = nullptr;
  os::span object;  // empty for a token
  const char* name = "";

  bool has(const void* owner, const void* code, const void* memory) const noexcept {
    return owner == token || object.holds(owner) || object.holds(code) || object.holds(memory);
  }
};

// A choice, by what was posted.
struct those {
  bool (*chosen)(const void* owner, const void* func, const void* head, const void* arg);
  const void* arg;
  bool by_owner = false;  // work that is linked without memory does not know it: it may be any's

  bool has(const void* owner, const void* func, const void* head) const noexcept {
    return chosen(owner, func, head, arg);
  }
};
inline those of_owner(const whose& owner) noexcept {
  return {[](const void* of, const void* func, const void* head, const void* arg) {
            return static_cast<const whose*>(arg)->has(of, func, head);
          },
          &owner, true};
}

}  // namespace graceslab::rcu
