// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "rcu/invoke.hpp"

#include <setjmp.h>

#include <cstdint>

#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"

namespace graceslab::rcu {
namespace {

struct landing {
  landing* outer;
  jmp_buf place;
};
[[gnu::tls_model("initial-exec")]] __thread landing* innermost;  // this thread's
[[gnu::tls_model("initial-exec")]] __thread bool left;           // it called pthread_exit()

extern "C" {
// What the C++ ABI calls a personality: the unwinder asks it when it comes to the frame of run().
[[gnu::used, gnu::visibility("hidden")]] int gs_callback_left(int version, int actions,
                                                              std::uint64_t, void*, void*) {
  constexpr int this_version = 1, cleanup_phase = 2, forced = 8;
  constexpr int fatal_error = 3, continue_unwind = 8;
  if (version != this_version || (actions & cleanup_phase) == 0) return fatal_error;
  if ((actions & forced) != 0) longjmp(innermost->place, 1);
  return continue_unwind;
}
}

#define FRAME_DIRECTIVE ".cfi_personality 0x1b, gs_callback_left" /* by a 4-byte offset */

[[gnu::noinline]] void run(void (*step)(void*), void* arg, landing* outer) {
  asm(FRAME_DIRECTIVE);
  step(arg);
  innermost = outer;  // here, so that the call is no jump: the frame is to be there
}

void report_left(const void* function) noexcept {
  char name[240], thread[32];
  os::describe_function(function, name, sizeof name);
  os::thread_name(os::tid(), thread, sizeof thread);
  os::report(GS_REPORT_THREAD_ENDED_IN_CALLBACK,
             "callback %s called pthread_exit() in thread %u (%s), which is not its own: it counts "
             "as done, and the thread goes on",
             name, os::tid(), thread);
}

}  // namespace

void invoke(const void* function, void (*step)(void* arg), void* arg) noexcept {
  os::seen_again seen;
  landing here;
  here.outer = innermost;
  innermost = &here;
  if (_setjmp(here.place) == 0) return run(step, arg, here.outer);
  innermost = here.outer;
  left = true;
  report_left(function);
}

bool left_by_exit() noexcept { return left; }

}  // namespace graceslab::rcu
