// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/memory_fault.hpp"

#include <graceslab/detail/atomic.h>
#include <signal.h>
#include <ucontext.h>

#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/thread.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

using fault_function = bool (*)(const memory_fault&) noexcept;

word_lock watch_lock;
fault_function asked;  // atomic

// What others had installed, the latest in force. A handler reads it without the lock, so each
// takes the next place of a ring, as the handlers of reports do.
constexpr std::uint32_t places = 16;
struct sigaction former[places];  // [0]: what was there before us
std::uint32_t formers;            // under watch_lock
struct sigaction* latest;         // atomic

access access_of(void* context) noexcept {
#if defined(__x86_64__)
  constexpr unsigned long was_write = 2;  // of the error code of a page fault
  const auto code = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR];
  return (static_cast<unsigned long>(code) & was_write) != 0 ? access::write : access::read;
#else
  (void)context;
  return access::unknown;
#endif
}

// A handler of the program may hand on to what it found, which is us: with the same `info`, from
// deeper in the same stack. One that jumped out instead never comes back to clear this. By threads,
// and not in thread-local memory, of which a library has little; where two have one place, either
// may forget.
struct passing {
  std::uint32_t thread;
  const siginfo_t* info;
  const char* frame;
};
constexpr std::uint32_t threads = 64;
passing passes[threads];

passing& passing_here() noexcept { return passes[tid() % threads]; }

void note_passing(const siginfo_t* info, const char* frame) noexcept {
  passing& here = passing_here();
  gs_store_relaxed(&here.thread, tid());
  gs_store_relaxed(&here.info, info);
  gs_store_relaxed(&here.frame, frame);
}

bool passed_back(const siginfo_t* info, const char* frame) noexcept {
  const passing& here = passing_here();
  return gs_load_relaxed(&here.thread) == tid() && gs_load_relaxed(&here.info) == info &&
         frame < gs_load_relaxed(&here.frame);
}

// A fault comes again when we return; what somebody sent does not.
void end_as_without_us(int number, const siginfo_t* info) noexcept {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  // unused result: this very signal was handled until now
  (void)sigaction(number, &usual, nullptr);
  if (info->si_code <= 0) (void)raise(number);  // unused result: it comes when we return
}

void pass_on(int number, siginfo_t* info, void* context) noexcept {
  const auto* frame = static_cast<const char*>(__builtin_frame_address(0));
  const bool again = passed_back(info, frame);
  // ORDER fault.pass <-> fault.former   (docs/ordering/os.md, claim 9)
  const struct sigaction* to = again ? &former[0] : gs_load_acquire(&latest);
  const bool handled = (to->sa_flags & SA_SIGINFO) != 0 || to->sa_handler != SIG_IGN;
  if (!handled && info->si_code <= 0) return;
  if (!handled || ((to->sa_flags & SA_SIGINFO) == 0 && to->sa_handler == SIG_DFL))
    return end_as_without_us(number, info);
  note_passing(info, frame);
  if ((to->sa_flags & SA_SIGINFO) != 0)
    to->sa_sigaction(number, info, context);
  else
    to->sa_handler(number);
  note_passing(nullptr, nullptr);
}

void on_fault(int number, siginfo_t* info, void* context) noexcept {
  const fault_function ours = gs_load_relaxed(&asked);
  {
    keep_errno keep;
    const memory_fault fault = {static_cast<const char*>(info->si_addr), access_of(context),
                                context};
    if (info->si_code > 0 && ours(fault)) return;
  }
  pass_on(number, info, context);
}

bool is_ours(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_fault;
}

// On the stack, and with the mask, that the program's own handler would have.
bool install(const struct sigaction& now) noexcept {
  if (formers == places) formers = 1;
  struct sigaction& before = former[formers++];
  before = now;
  // ORDER fault.former <-> fault.pass   (docs/ordering/os.md, claim 9)
  gs_store_release(&latest, &before);
  struct sigaction ours {};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO | (now.sa_flags & (SA_ONSTACK | SA_NODEFER));
  ours.sa_mask = now.sa_mask;
  return sigaction(SIGSEGV, &ours, nullptr) == 0;
}

[[gnu::constructor(102)]] void start_faults() noexcept {
  on_fork({fork_rank_faults, [] { watch_lock.lock(); }, [] { watch_lock.unlock(); },
           [] { watch_lock.reset_in_child(); }});
}

}  // namespace

bool watch_faults(bool (*ours)(const memory_fault&) noexcept) noexcept {
  keep_errno keep;
  word_guard hold(watch_lock);
  struct sigaction now {};
  if (sigaction(SIGSEGV, nullptr, &now) != 0) return false;
  if (is_ours(now)) return true;
  gs_store_relaxed(&asked, ours);
  if (formers == 0) former[0] = now;
  return install(now);
}

}  // namespace graceslab::os
