// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/handlers.hpp"

#include <signal.h>

#include <cstdlib>

#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/patient_lock.hpp"

extern "C" int __cxa_atexit(void (*run)(void*), void* arg, void* dso);

namespace graceslab::os {
namespace {

constinit patient_lock handler_lock;

// No signal and no fork of another thread while this lives.
class undisturbed {
 public:
  undisturbed() noexcept {
    sigset_t all;
    (void)sigfillset(&all);  // unused result: it cannot fail
    blocked_ = pthread_sigmask(SIG_SETMASK, &all, &before_) == 0;
    held_ = handler_lock.take();
  }
  ~undisturbed() {
    if (held_) handler_lock.drop();
    // unused result: what was taken away a moment ago can be given back
    if (blocked_) (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  undisturbed(const undisturbed&) = delete;
  undisturbed& operator=(const undisturbed&) = delete;

 private:
  keep_errno keep_;
  sigset_t before_;
  bool blocked_;
  bool held_;
};

[[gnu::constructor(102)]] void start_handlers() noexcept {
  on_fork({fork_rank_handlers, [] { handler_lock.hold_for_fork(); },
           [] { handler_lock.drop_in_parent(); }, [] { handler_lock.reset_in_child(); }});
}

}  // namespace

bool add_exit_handler(void (*run)(int status, void* arg)) noexcept {
  undisturbed now;
  return on_exit(run, nullptr) == 0;
}

bool add_unload_handler(void* dso, void (*run)(void* dso)) noexcept {
  undisturbed now;
  return __cxa_atexit(run, dso, dso) == 0;
}

}  // namespace graceslab::os
