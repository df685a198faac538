// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Another thread's stack. One that runs is asked by a real-time signal, whose handler fills the one
// answer; one that is blocked is looked at from outside, for a signal would break its system call.
//
// - State: answer.phase: number of the request (high bits) and idle, asked, filling, filled (low
//   2).
// - Late: a handler that runs after its request timed out finds another phase than (its number,
//   asked) and leaves.
// - Ordering: docs/ordering/os.md
#include <graceslab/detail/atomic.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/futex.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "os/thread_sight.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

enum : std::uint32_t { idle, asked, filling, filled, phase_bits = 3 };
constexpr std::uint32_t one_request = 4;
constexpr std::uint64_t patience_ns = 100'000'000;
constexpr std::uint64_t nap_us = 200;

word_lock ask_lock;  // one request at a time; guards all below but answer
std::uint32_t requests;
struct reply {
  std::uint32_t phase = 0;
  stack frames = {};
};
constinit reply answer;

void on_signal(int, siginfo_t* info, void* context) noexcept {
  keep_errno keep;
  if (!info || info->si_code != SI_QUEUE || info->si_pid != getpid()) return;
  const auto request = static_cast<std::uint32_t>(info->si_value.sival_int);
  std::uint32_t expected = request | asked;
  // ORDER ask.taken <-> ask.asked   (docs/ordering/os.md, claim 5)
  if (!gs_compare_exchange(&answer.phase, &expected, request | filling)) return;
  answer.frames = stack_interrupted(context);
  // ORDER ask.filled <-> ask.read   (docs/ordering/os.md, claim 5)
  gs_store_release(&answer.phase, request | filled);
}

bool is_ours(const struct sigaction& action) noexcept {
  return (action.sa_flags & SA_SIGINFO) && action.sa_sigaction == on_signal;
}

// Only when nobody else uses the signal. Asked anew each time: a program that resets its signals
// would be killed by the next one.
bool install(int signal_number) noexcept {
  struct sigaction now {};
  if (sigaction(signal_number, nullptr, &now) != 0) return false;
  if (is_ours(now)) return true;
  if ((now.sa_flags & SA_SIGINFO) || now.sa_handler != SIG_DFL) return false;
  struct sigaction ours {};
  ours.sa_sigaction = on_signal;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&ours.sa_mask);  // unused result: cannot fail
  return sigaction(signal_number, &ours, nullptr) == 0;
}

bool send(std::uint32_t tid, int signal_number, std::uint32_t request) noexcept {
  siginfo_t info{};
  info.si_signo = signal_number;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_int = static_cast<int>(request);
  return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signal_number, &info) == 0;
}

// Real time, whatever the library's clock does: the asker polls, so that the handler needs no
// system call.
bool wait_filled(std::uint32_t request) noexcept {
  const std::uint64_t deadline = now_ns() + patience_ns;
  for (;;) {
    // ORDER ask.read <-> ask.filled   (docs/ordering/os.md, claim 5)
    if (gs_load_acquire(&answer.phase) == (request | filled)) return true;
    if (now_ns() >= deadline) return false;
    sleep_us(nap_us);
  }
}

bool ask(std::uint32_t tid, int signal_number, stack* out) noexcept {
  // A handler that was stopped in the middle still owns the answer.
  if ((gs_load_acquire(&answer.phase) & phase_bits) == filling) return false;
  const std::uint32_t request = ++requests * one_request;
  // ORDER ask.asked <-> ask.taken   (docs/ordering/os.md, claim 5): the handler's CAS; the signal
  // orders it too.
  gs_store_release(&answer.phase, request | asked);
  if (send(tid, signal_number, request) && wait_filled(request)) {
    *out = answer.frames;
    return out->depth != 0;
  }
  std::uint32_t expected = request | asked;
  gs_compare_exchange(&answer.phase, &expected, request | idle);
  return false;
}

[[gnu::constructor(102)]] void start_asking() noexcept {
  on_fork({fork_rank_ask, [] { ask_lock.lock(); }, [] { ask_lock.unlock(); },
           [] {
             ask_lock.reset_in_child();
             gs_store_relaxed(&answer.phase, std::uint32_t{idle});
           }});
}

}  // namespace

thread_stack look_at_thread(std::uint32_t tid) noexcept {
  thread_stack found;
  if (tid == os::tid()) {
    found.frames = capture_stack(0);
    return found;
  }
  const int signal_number = gs_load_relaxed(&settings.stack_signal);
  keep_errno keep;
  word_guard guard(ask_lock);
  // A signal that its thread keeps blocked would arrive when the handler may be gone.
  const bool may_ask = signal_number != 0 && !thread_blocks_signal(tid, signal_number);
  const thread_sight sight = see_thread(tid);
  if (sight.now == thread_sight::state::runs && may_ask) {
    // The handler is looked for again, last, and then the signal is sent at once.
    if (thread_computes(tid) && install(signal_number))
      (void)ask(tid, signal_number, &found.frames);
  } else if (sight.now == thread_sight::state::blocked) {
    found.blocked = true;
    found.call = sight.call;
    found.frames = scan_stack(sight);
  }
  return found;
}

std::size_t describe_thread(std::uint32_t tid, char* text, std::size_t bytes) noexcept {
  const thread_stack found = look_at_thread(tid);
  base::writer out(text, bytes);
  if (found.blocked && found.call >= 0)
    out.add("\n    blocked in system call %ld; its stack seems to be", found.call);
  else if (found.blocked)
    out.add("\n    blocked in the kernel; its stack seems to be");
  if (found.frames.depth == 0) {
    if (found.blocked) out.add(" out of sight");
    return out.written();
  }
  return out.written() + describe_stack(found.frames, text + out.written(), bytes - out.written());
}

}  // namespace graceslab::os
