// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Touching memory that may not be touched: SIGSEGV, of which the library is told before the
// program.
//
// - Others: the program's own handler, whichever it installed before or later, gets all that is not
//   ours, as if we were not there.
// - Page: docs/ordering/os.md, claim 9
#pragma once
#include <cstdint>

namespace graceslab::os {

enum class access { unknown, read, write };

struct memory_fault {
  const char* address;
  access what;
  void* context;  // of the signal, for stack_interrupted()
};

// From now on `ours` is asked at each fault, in the handler. True: whoever touched it tries again.
// - Does: look whether the handler is still there, and put it back in front of one that the program
//   installed meanwhile. Context: any but signal handlers.
// - Returns: false when the system refuses.
bool watch_faults(bool (*ours)(const memory_fault&) noexcept) noexcept;

}  // namespace graceslab::os
