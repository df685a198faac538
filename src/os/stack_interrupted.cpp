// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The stack below a signal handler.
#include <execinfo.h>
#include <ucontext.h>

#include "os/stack.hpp"

namespace graceslab::os {
namespace {

void* interrupted_at(void* context) noexcept {
  auto* machine = &static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<void*>(machine->gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(machine->pc);
#else
  (void)machine;
  return nullptr;
#endif
}

}  // namespace

// The handler and the trampoline are of no interest.
stack stack_interrupted(void* context) noexcept {
  constexpr int handler_frames = 8;
  void* frame[stack_depth + handler_frames];
  const int taken = backtrace(frame, stack_depth + handler_frames);
  void* pc = interrupted_at(context);
  int first = 0;
  while (first < taken && first < handler_frames && frame[first] != pc) ++first;
  if (first == taken || frame[first] != pc) first = taken > 2 ? 2 : 0;
  stack found;
  for (int i = first; i < taken && found.depth < stack_depth; ++i)
    found.frame[found.depth++] = frame[i];
  return found;
}

}  // namespace graceslab::os
